# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod needs to work with a GPU or NPU, by backend and by the way the device gets into it. Pure functions, for the templates and for preflight."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

HOST, PLUGIN, DRA = "host", "plugin", "dra"
WAYS = (HOST, PLUGIN, DRA)


@dataclass(frozen=True)
class Backend:
    """One way to transcode or to run models in hardware."""

    files: tuple[tuple[str, str], ...] = ()  # of the node, with their type in Kubernetes
    resource: str = ""  # of the usual device plugin; nothing where vendors share the backend
    device_class: str = ""  # of the usual DRA driver
    nvidia: bool = False
    arch: str = ""  # where the image, or the hardware, is of one architecture only
    privileged_only: bool = False  # it reads what a container without privileges does not see
    suffix: str = ""  # of the image's tag


_DRI = ("/dev/dri", "Directory")
SERVER = {
    "vaapi": Backend(files=(_DRI,)),
    "qsv": Backend(files=(_DRI,), resource="gpu.intel.com/i915", device_class="gpu.intel.com", arch="amd64"),
    "nvenc": Backend(resource="nvidia.com/gpu", device_class="gpu.nvidia.com", nvidia=True),
    "rkmpp": Backend(
        files=(_DRI, ("/dev/dma_heap", "Directory"), ("/dev/rga", "CharDevice"), ("/dev/mpp_service", "CharDevice")), arch="arm64", privileged_only=True
    ),
}
MACHINE_LEARNING = {
    "cuda": Backend(resource="nvidia.com/gpu", device_class="gpu.nvidia.com", nvidia=True, arch="amd64", suffix="-cuda"),
    "rocm": Backend(files=(_DRI, ("/dev/kfd", "CharDevice")), resource="amd.com/gpu", device_class="gpu.amd.com", arch="amd64", suffix="-rocm"),
    "openvino": Backend(files=(_DRI,), resource="gpu.intel.com/i915", device_class="gpu.intel.com", arch="amd64", suffix="-openvino"),
    "rknn": Backend(files=(_DRI,), arch="arm64", privileged_only=True, suffix="-rknn"),
    "armnn": Backend(files=(("/dev/mali0", "CharDevice"), ("/usr/lib/libmali.so", "File")), arch="arm64", privileged_only=True, suffix="-armnn"),
}


@dataclass(frozen=True)
class Accelerator:
    """What goes into a pod."""

    suffix: str = ""
    volumes: list[dict[str, Any]] = field(default_factory=list)
    mounts: list[dict[str, Any]] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    device_class: str = ""
    privileged: bool = False  # a device of the node that no plugin hands out is opened by a privileged container only
    runtime_class: str = ""
    env: dict[str, str] = field(default_factory=dict)
    node_selector: dict[str, str] = field(default_factory=dict)


def accelerator(acceleration: str, way: str, resource: str = "", runtime_class: str = "") -> dict[str, Any]:
    """What a pod needs for a backend; `resource` is another one than the usual resource of the device plugin, or class of the DRA driver."""
    if acceleration == "none":
        return asdict(Accelerator())
    backend = (SERVER | MACHINE_LEARNING)[acceleration]
    if why := obstacle(acceleration, way, resource):
        raise ValueError(why)
    hosted = backend.files if way == HOST else ()
    env: dict[str, str] = {}
    if backend.nvidia:
        env = {"NVIDIA_DRIVER_CAPABILITIES": "all" if acceleration in SERVER else "compute,utility"}
        env |= {"NVIDIA_VISIBLE_DEVICES": "all"} if way == HOST else {}  # a plugin says which
    return asdict(
        Accelerator(
            suffix=backend.suffix,
            volumes=[{"name": _name(path), "hostPath": {"path": path, "type": kind}} for path, kind in hosted],
            mounts=[{"name": _name(path), "mountPath": path} | ({"readOnly": True} if kind == "File" else {}) for path, kind in hosted],
            limits={resource or backend.resource: 1} if way == PLUGIN else {},
            device_class=(resource or backend.device_class) if way == DRA else "",
            privileged=bool(hosted),
            runtime_class=runtime_class if backend.nvidia and way != DRA else "",
            env=env,
            node_selector={"kubernetes.io/arch": backend.arch} if backend.arch else {},
        )
    )


def obstacle(acceleration: str, way: str, resource: str) -> str:
    """Why this backend cannot have its device in this way, as the end of a sentence; nothing when it can."""
    backend = (SERVER | MACHINE_LEARNING).get(acceleration)
    if backend is None or way == HOST:
        return ""
    if backend.privileged_only:
        return f"{acceleration} works in a privileged container only, which opens the device of the node itself. Use host."
    if not resource and not (backend.resource if way == PLUGIN else backend.device_class):
        what = "the resource of the device plugin, such as amd.com/gpu or gpu.intel.com/i915" if way == PLUGIN else "the DeviceClass, such as gpu.intel.com"
        return f"GPUs of several vendors do {acceleration}. Name {what}."
    return ""


def opened_by_everybody(acceleration: str) -> bool:
    """Whether the device files need no group: those of NVIDIA's runtime do not."""
    return (SERVER | MACHINE_LEARNING)[acceleration].nvidia


def looked_at(acceleration: str) -> str:
    """A device file of the node whose group tells what a pod needs."""
    files = (SERVER | MACHINE_LEARNING)[acceleration].files
    return "/dev/dri/renderD128" if _DRI in files else files[0][0]


def _name(path: str) -> str:
    """The volume of a file of the node: /dev/mpp_service is dev-mpp-service."""
    return path.strip("/").replace("/", "-").replace("_", "-").replace(".", "-")
