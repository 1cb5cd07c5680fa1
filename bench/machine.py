"""What the figures were measured on."""
import os
import platform
import re
import shutil
import subprocess
import time


def first_line(*command):
    """The first line that a command prints; empty where it is not there."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return (done.stdout.splitlines() or [""])[0].strip()


def find(pattern, path):
    """What the first group of a pattern matches in a file; empty where it does not."""
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1).strip() if found else ""


def vector_instructions():
    """The widest vector instructions of an x86-64 processor."""
    flags = find(r"^flags\s*:(.*)$", "/proc/cpuinfo").split()
    return next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"))
                 if flag in flags), "")


def processor():
    name = find(r"^model name\s*:(.*)$", "/proc/cpuinfo") or platform.machine()
    numbers = "/".join(find(rf"^{key}\s*:(.*)$", "/proc/cpuinfo") or "?"
                       for key in ("cpu family", "model", "stepping"))
    parts = [name, f"family/model/stepping {numbers}" if "?" not in numbers else "",
             vector_instructions(), "virtual machine" if is_virtual() else ""]
    return ", ".join(part for part in parts if part)


def is_virtual():
    return "hypervisor" in find(r"^flags\s*:(.*)$", "/proc/cpuinfo").split()


def openblas():
    """The version of OpenBLAS that programs are linked with."""
    return first_line("pkg-config", "--modversion", "openblas")


def describe():
    """Names and texts, in the order of the report."""
    memory = int(find(r"^MemTotal:\s*(\d+)", "/proc/meminfo") or 0) / 2**20
    facts = {
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "system": f"{find(r'PRETTY_NAME=.(.*).$', '/etc/os-release')}, {platform.system()} "
                  f"{platform.release()}",
        "MPI": first_line("mpirun", "--version"),
        "OpenBLAS": openblas(),
        "compiler": first_line("cc", "--version"),
    }
    return {name: text for name, text in facts.items() if text}


def busy_seconds():
    """Seconds that the processors were busy, since the system started; the steal of a virtual
    machine's host counts too."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds(processes):
    """Processor seconds of this process, its ended children, and running ones by id."""
    used = sum(os.times()[:4])
    for process in processes:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


class Others:
    """How many cores others use inside a `with` block, where `processes` are ours."""

    def __init__(self, processes=()):
        self.processes = processes
        self.cores = 0.0

    def read(self):
        return time.monotonic(), busy_seconds() - own_seconds(self.processes)

    def __enter__(self):
        self.before = self.read()
        return self

    def __exit__(self, *_):
        seconds, used = (now - then for now, then in zip(self.read(), self.before))
        self.cores = max(0.0, used / seconds)


def loop_seconds():
    """The shortest of some turns of a loop that keeps a core busy."""
    def turn():
        before, count = time.perf_counter(), 0
        for i in range(40000):
            count += i
        return time.perf_counter() - before
    return min(turn() for _ in range(4))


class Pace:
    """How slow the slowest core is, as a multiple of the fastest ever seen. Other machines of a
    host share its cores with a virtual one, which no count of ours shows."""

    def __init__(self):
        self.fastest = loop_seconds()

    def slowdown(self):
        allowed = os.sched_getaffinity(0)
        try:
            seconds = []
            for core in allowed:
                os.sched_setaffinity(0, {core})
                seconds.append(loop_seconds())
        finally:
            os.sched_setaffinity(0, allowed)
        self.fastest = min(self.fastest, *seconds)
        return max(seconds) / self.fastest


def wait_for_lull(patience, limit):
    """Waits until others use at most `limit` cores, or for `patience` seconds."""
    end = time.monotonic() + patience
    others = Others()
    while True:
        with others:
            time.sleep(0.2)
        if others.cores <= limit or time.monotonic() > end:
            return
