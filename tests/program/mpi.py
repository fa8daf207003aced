"""Ranks of build/vitrine-mpi, as mpirun starts them."""
import os
import subprocess
from contextlib import suppress

import program

MPI = program.VITRINE.removesuffix("-mpi") + "-mpi"
# What Open MPI asks for: of root, and where there are fewer processors than ranks.
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "VITRINE_THREADS": "1",
               "OMPI_MCA_btl_base_warn_component_unused": "0"}


def command(ranks, *args):
    return ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none", MPI, *map(str, args)]


def start(ranks, *args, **kwargs):
    """A process group of its own, so that a test can end what it has started."""
    return subprocess.Popen(command(ranks, *args), env=ENVIRONMENT, text=True, start_new_session=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def run(ranks, *args, status=0, **kwargs):
    done = subprocess.run(command(ranks, *args), env=ENVIRONMENT, text=True, capture_output=True, timeout=600, **kwargs)
    assert done.returncode == status, f"{ranks} ranks {args}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def said(text):
    """The lines of Vitrine in what mpirun and it have said."""
    return [line for line in text.splitlines() if line.startswith("vitrine:")]


def ranks_of(mpirun):
    """Process numbers of the ranks that this mpirun has started."""
    with open(f"/proc/{mpirun.pid}/task/{mpirun.pid}/children") as f:
        children = f.read().split()
    found = []
    for child in children:
        with suppress(OSError):
            if os.path.samefile(f"/proc/{child}/exe", MPI):
                found.append(int(child))
    return found
