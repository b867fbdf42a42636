"""Real clients from npm, at the versions of node/package-lock.json: installed once below build/."""

import fcntl
import functools
import json
import pathlib
import shutil
import subprocess

from e2e import processes
from e2e.harness import Data, E2ETest

SOURCE = pathlib.Path(__file__).resolve().parent / "node"
HOME = pathlib.Path(__file__).resolve().parents[2] / "build/e2e-node"
LOCK = "package-lock.json"


@functools.cache
def install():
    """The directory with node_modules and our scripts."""
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / ".lock", "w") as guard:  # suites run beside each other
        fcntl.flock(guard, fcntl.LOCK_EX)
        current = ((HOME / LOCK).is_file() and (HOME / "node_modules/.package-lock.json").is_file()
                   and (HOME / LOCK).read_bytes() == (SOURCE / LOCK).read_bytes())
        for script in SOURCE.glob("*.mjs"):
            shutil.copy(script, HOME / script.name)
        if not current:
            shutil.copy(SOURCE / "package.json", HOME / "package.json")
            shutil.copy(SOURCE / LOCK, HOME / LOCK)
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HOME,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            if done.returncode != 0:
                (HOME / LOCK).unlink()  # half an installation is none
                raise RuntimeError(f"npm ci: {done.stdout[-2000:]}")
    return HOME


def start(script, job):
    return processes.start(["node", str(install() / script), json.dumps(job)],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, timeout=120):
    """What the script printed. Fails if it reports an error."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        processes.kill(process)
        raise AssertionError("the client does not end") from None
    finally:
        processes.forget(process)
        for stream in (process.stdout, process.stderr):
            stream.close()
    assert out.strip(), f"the client said nothing: {err[-2000:]}"
    answer = json.loads(out.splitlines()[-1])
    assert "error" not in answer, answer["error"]
    assert process.returncode == 0, err[-2000:]
    return answer


def run(script, job, timeout=120):
    return finish(start(script, job), timeout)


class TusJsTest(E2ETest):
    """Files and jobs for tus_client.mjs."""

    def file(self, seed, size):
        data = Data(seed, size)
        path = self.temporary() / "data.bin"
        with open(path, "wb") as file:
            for view in data.views():
                file.write(view)
        return data, path

    def job(self, port, path, size, **options):
        more = {} if options.get("uploadLengthDeferred") else {"uploadSize": size}
        return {"endpoint": f"http://127.0.0.1:{port}/files/", "file": str(path),
                "options": {"chunkSize": 1 << 40, **more, **options}}
