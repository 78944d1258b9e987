"""The real picamera2 under our adapter, on libcamera's virtual camera fed with the demo's frames.

It runs in a Debian trixie root that is made once (mmdebstrap, pip, two minutes, 0.8 GB) and kept in
$TRAPNODE_RIG, or ~/.cache/trapnode-rig. `tests/rig/virtual_camera.py` is what runs in there. A
camera that stops answering is made with ptrace: libcamera's own threads stand still, ours do not.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.rig.made import ROOT, once, run

PACKAGES = (
    *("python3", "python3-libcamera", "libcamera-ipa", "python3-numpy", "python3-pil"),
    *("python3-piexif", "python3-msgspec", "python3-prctl", "python3-gpiozero"),
)
NEWER = """set -e; cd "$1/etc/apt"; mkdir -p preferences.d
sed -i "/ trixie /{p; s// trixie-backports /}" sources.list
cat > preferences.d/x << END
Package: *libcamera*
Pin: release n=trixie-backports
Pin-Priority: 900
END
"""
WHEELS = ("picamera2==0.3.38", "simplejpeg==1.9.0", "videodev2==0.0.4", "PiDNG==4.0.9")
CAMERA = "/usr/share/libcamera/pipeline/virtual/virtual.yaml"
SIZE, SMALL = (4608, 2592), (640, 360)  # Camera Module 3.
SCENES = ("01_stream_day", "05_person_day", "11_cat_night")
VIRTUAL = f"""%YAML 1.1
---
"Virtual0":
  supported_formats:
  - {{width: {SIZE[0]}, height: {SIZE[1]}, frame_rates: [14]}}
  - {{width: {SMALL[0]}, height: {SMALL[1]}, frame_rates: [14]}}
  frames: {{path: "/opt/frames", scale_mode: "fill"}}
  location: "CameraLocationBack"
  model: "imx708"
"""
SHOTS = 100
GRACE_S = 5.0
PTRACE_ATTACH, WALL = 16, 0x40000000  # __WALL: a thread is no child of ours, but traced.


def main(python: str) -> str:
    """Run all of it, with the wheels of this Python 3.13; give the step's line."""
    root = _root(python)
    _furnish(root)
    cold = _told(root, "shots", "1")["import_s"]  # No bytecode yet.
    told = _told(root, "shots", str(SHOTS))
    hang = _hang(root)
    saved = _told(root, "station")
    return (
        f"libcamera {told['libcamera']}, picamera2 {WHEELS[0][-6:]}: import"
        f" {told['import_s']:.2f} s (first ever {cold:.2f}), open {told['init_s']:.2f} s, configure"
        f" {told['configure_s']:.2f} s, start {told['start_s']:.2f} s, first frame after it"
        f" {told['first_s']:.2f} s; {SHOTS} shots of {SIZE[0]}x{SIZE[1]} at {told['rate']:.1f} a"
        f" second, {told['jpeg_s'] * 1000:.0f} ms of it JPEG, at most {told['out']} requests out;"
        f" {told['reopened']} reopened; a camera that stood still: DeviceError after"
        f" {hang['noticed_s']:.1f} s, process gone {hang['gone_s']:.1f} s later; the station"
        f" saved {saved['frames']} frames of one trigger, each lit for {saved['lit_s']:.2f} s"
    )


def _root(python: str) -> Path:
    """Make the root, or take the one that is there."""

    def make(part: Path) -> None:
        run(
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--setup-hook={NEWER}"),
            *(f"--include={','.join(PACKAGES)}", "trixie", part),
        )
        with tempfile.TemporaryDirectory() as wheels:
            run(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, *WHEELS)
            for wheel in Path(wheels).glob("*.whl"):
                shutil.unpack_archive(wheel, part / "opt/site", "zip")

    return once("picamera2", make)


def _furnish(root: Path) -> None:
    """Put our program, what runs it, and the camera's pictures into the root."""
    for folder in ("opt/unit", "opt/frames"):
        shutil.rmtree(root / folder, ignore_errors=True)
    unit, frames = root / "opt/unit", root / "opt/frames"
    passed = shutil.ignore_patterns("__pycache__", "models")
    shutil.copytree(ROOT / "trapnode", unit / "trapnode", ignore=passed)
    shutil.copy(Path(__file__).with_name("virtual_camera.py"), unit)
    frames.mkdir()
    for number, scene in enumerate(SCENES, 1):
        shutil.copy(ROOT / "trapnode/sim/pictures" / scene / "1.jpg", frames / f"{number}.jpg")
    (root / CAMERA[1:]).parent.mkdir(parents=True, exist_ok=True)
    (root / CAMERA[1:]).write_text(VIRTUAL, "utf-8")


@contextlib.contextmanager
def _inside(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run what is in the root; its mounts end with it, and so does it with us."""
    script = 'mount --bind /proc "$1/proc" && shift && exec chroot "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(root), str(root), "env"]
    command += ["LIBCAMERA_LOG_LEVELS=*:FATAL", "HOME=/root", "python3"]
    command += ["/opt/unit/virtual_camera.py", *arguments]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def _told(root: Path, *arguments: str) -> dict[str, Any]:
    """Run it to its end; give what its last line says."""
    with _inside(root, *arguments) as child:
        said, _ = child.communicate(timeout=600)
    assert child.returncode == 0, f"{arguments} ended with {child.returncode}: {said[-2000:]}"
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _hang(root: Path) -> dict[str, Any]:
    """Stop libcamera's threads in the middle; how soon is it noticed, how soon is the end."""
    with _inside(root, "hang") as child:
        assert child.stdin
        _await(child, "running")
        threads = _threads(child.pid, ("CameraManager", "VirtualCamera"))
        for thread in threads:
            _stand_still(thread)
        began_s = time.monotonic()
        child.stdin.write("go\n")
        child.stdin.flush()
        _await(child, "DeviceError: camera gave no frame")
        noticed_s = time.monotonic() - began_s
        _bury(threads)
        child.wait(timeout=10)
        gone_s = time.monotonic() - began_s - noticed_s
    assert noticed_s < 10 + GRACE_S, noticed_s
    assert child.returncode == -signal.SIGALRM, child.returncode
    return {"noticed_s": noticed_s, "gone_s": gone_s}


def _await(child: subprocess.Popen[str], said: str) -> None:
    assert child.stdout
    for line in child.stdout:
        if said in line:
            return
    raise AssertionError(f"never said: {said}")


def _threads(process: int, names: tuple[str, ...]) -> list[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    found = [int(task.name) for task in tasks if (task / "comm").read_text().strip() in names]
    assert found, f"{process} has no thread {names}"
    return found


def _stand_still(thread: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, thread, None, None):
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, WALL)


def _bury(threads: list[int]) -> None:
    """Wait for the end of what stands still: until we know of it, the process is not gone."""
    end_s = time.monotonic() + 60
    for thread in threads:
        while not os.waitpid(thread, WALL | os.WNOHANG)[0]:
            assert time.monotonic() < end_s, f"thread {thread} never ended"
            time.sleep(0.05)


if __name__ == "__main__":
    print(main(sys.argv[1]))
