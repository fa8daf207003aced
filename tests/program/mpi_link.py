#!/usr/bin/env python3
"""mpi_link.py VITRINE-MPI GBITS DELAY_MS COMMAND...: one command by two ranks, with a link between them.

Two network namespaces on this machine, whose interfaces tc holds to GBITS of sending (0: no limit); what they send arrives
DELAY_MS later (link_delay.c, since not every kernel has netem). Each holds one rank with a host name of its own, so that
they meet as two machines would, over TCP. Needs root, iproute2, unshare and cc. Ends with the command's status.

    mpi_link.py build/vitrine-mpi 1 0.1 bench scale --model vit_tiny_patch16_224 --batch 16 --threads 1
"""
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import mpi

SPACES = ("vitrine-a", "vitrine-b")
SUBNET = "10.231.0"
DEVICE = "link0"
# In place of ssh: mpirun gives the host and a command.
AGENT = f"""#!/bin/sh
shift
exec ip netns exec {SPACES[1]} unshare --uts sh -c 'hostname {SPACES[1]}; exec sh -c "$*"' sh "$@"
"""


def say(*command):
    subprocess.run(command, check=True)


def join(folder, delay_ms):
    """The two interfaces; who carries what they send, if the kernel does not."""
    if delay_ms == 0:
        say("ip", "link", "add", DEVICE, "netns", SPACES[0], "type", "veth", "peer", "name", DEVICE, "netns", SPACES[1])
        return None
    program = f"{folder}/link_delay"
    say("cc", "-O2", "-o", program, f"{os.path.dirname(os.path.abspath(__file__))}/link_delay.c")
    # A link waits for no processor.
    carrier = subprocess.Popen(["chrt", "-f", "20", program, *SPACES, DEVICE, str(round(1000 * delay_ms))], stdout=subprocess.PIPE, text=True)
    assert carrier.stdout.readline() == "ready\n"
    return carrier


@contextmanager
def link(gbits, delay_ms):
    """Yields the beginning of an mpirun that puts a rank at each end."""
    for space in SPACES:
        subprocess.run(["ip", "netns", "del", space], capture_output=True)
        say("ip", "netns", "add", space)
    with tempfile.TemporaryDirectory() as folder:
        carrier = join(folder, delay_ms)
        for number, space in enumerate(SPACES, 1):
            say("ip", "-n", space, "addr", "add", f"{SUBNET}.{number}/24", "dev", DEVICE)
            for device in (DEVICE, "lo"):
                say("ip", "-n", space, "link", "set", device, "up")
            if gbits > 0:  # a burst of one large segment: what passes at once where the link was idle
                say("tc", "-n", space, "qdisc", "add", "dev", DEVICE, "root", "tbf", "rate", f"{gbits}gbit", "burst", "128k",
                    "latency", "20ms")
        with open(f"{folder}/agent", "w") as f:
            f.write(AGENT)
        os.chmod(f.name, 0o700)
        try:
            yield ["ip", "netns", "exec", SPACES[0], "mpirun", "--mca", "plm_rsh_agent", f.name, "--mca", "pml", "ob1",
                   "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", f"{SUBNET}.0/24", "--bind-to", "none",
                   "-H", f"{SUBNET}.1:1,{SUBNET}.2:1"]
        finally:
            if carrier is not None:
                carrier.kill()
            for space in SPACES:
                subprocess.run(["ip", "netns", "del", space], check=False)


def main():
    gbits, delay_ms = float(sys.argv[2]), float(sys.argv[3])
    with link(gbits, delay_ms) as mpirun:
        return subprocess.run([*mpirun, mpi.MPI, *sys.argv[4:]], env=mpi.ENVIRONMENT).returncode


if __name__ == "__main__":
    sys.exit(main())
