"""What worker.py asks of a candidate, by those who are called once a step."""


class StepByStep:
    """A candidate with step(ix), which trains on the rows ix and returns their mean loss, and
    draw(count), which draws rows."""

    @staticmethod
    def rows(ix):
        """Rows as step() takes them, from a NumPy array of their numbers."""
        return ix

    def train(self, drawn):
        """Trains on the rows drawn [steps][batch]; the loss of each step."""
        return [float(self.step(self.rows(ix))) for ix in drawn]

    def ready(self, steps, batch):
        """A function that trains for so many steps on rows of its own, to be timed."""
        def stretch():
            for _ in range(steps):
                self.step(self.draw(batch))
        return stretch
