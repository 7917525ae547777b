"""Every GStreamer element that the daemon makes is in both images."""

import re

from .common import LAYER, SOURCES, Failed, read, require, words_of

# The element: its plugin in Yocto, the option that builds it, and Debian's package.
ELEMENTS = {
    "appsink": ("gstreamer1.0-plugins-base-app", None, "gstreamer1.0-plugins-base"),
    "appsrc": ("gstreamer1.0-plugins-base-app", None, "gstreamer1.0-plugins-base"),
    "capsfilter": ("gstreamer1.0", None, "libgstreamer1.0-0"),
    "jpegdec": ("gstreamer1.0-plugins-good-jpeg", "jpeg", "gstreamer1.0-plugins-good"),
    # Debian's image has it where the suite does; the daemon says so where it is missing.
    "libcamerasrc": ("libcamera-gst", "gst", None),
    "openh264enc": ("gstreamer1.0-plugins-bad-openh264", "openh264", "gstreamer1.0-plugins-bad"),
    "v4l2h264enc": ("gstreamer1.0-plugins-good-video4linux2", "v4l2", "gstreamer1.0-plugins-good"),
    "videoconvertscale": ("gstreamer1.0-plugins-base-videoconvertscale", None, "gstreamer1.0-plugins-base"),
    "x264enc": ("gstreamer1.0-plugins-ugly-x264", "x264", "gstreamer1.0-plugins-ugly"),
}
BUILDERS = {"AppSrc": "appsrc", "AppSink": "appsink"}


def elements_of_daemon():
    """Names of elements in the daemon's sources, without its tests."""
    found = {}
    for path in sorted((SOURCES / "firmware/src").rglob("*.rs")):
        text = read(path).split("#[cfg(test)]\nmod tests")[0]
        names = re.findall(r'(?:gst::make|has_element|ElementFactory::(?:make|find))\("([a-z0-9_]+)"\)', text)
        names += [BUILDERS[name] for name in re.findall(r"app::(AppSrc|AppSink)::builder", text)]
        # Chosen by name out of a list of our own.
        names += re.findall(r'=> "([a-z0-9]+enc)"', text)
        names += re.findall(r'\[((?:"[a-z0-9]+", )*)encoder\.element\(\)\]', text) and ["appsrc", "videoconvertscale"]
        for name in names:
            found.setdefault(name, path.relative_to(SOURCES))
    return found


def check():
    found = elements_of_daemon()
    require(len(found) >= 5, f"only {len(found)} elements were found in firmware/src: the way that they are made has changed, see checks/gstreamer.py")
    group = set()
    text = read(LAYER / "recipes-core/packagegroups/packagegroup-doorway.bb")
    for variable in ("RDEPENDS:${PN}-media", "RDEPENDS:${PN}-media:append:rpi"):
        group |= set(words_of(text, variable))
    options = {path.name.split("_")[0]: words_of(read(path), "PACKAGECONFIG") for path in (LAYER / "recipes-multimedia").rglob("*.bbappend")}
    debian = re.sub(r"\s+", " ", read(SOURCES / "firmware/debian/control"))
    for element, path in sorted(found.items()):
        if element not in ELEMENTS:
            raise Failed(f"{path} makes the element {element}, which checks/gstreamer.py does not know: say there which package brings it")
        plugin, option, package = ELEMENTS[element]
        require(plugin in group, f"packagegroup-doorway.bb lacks {plugin}, which brings {element} ({path})")
        if option:
            recipe = next(name for name in options if plugin.startswith(name))
            require(option in options[recipe], f"{recipe}_%.bbappend: PACKAGECONFIG lacks {option}, which builds {element}")
        if package:
            require(re.search(rf"[ ,]{re.escape(package)}[ ,]", debian), f"firmware/debian/control: Depends lacks {package}, which brings {element}")
    plugins = {plugin for name, (plugin, _, _) in ELEMENTS.items() if name in found}
    for plugin in sorted(group):
        if plugin.startswith("gstreamer1.0") or plugin.endswith("-gst"):
            require(plugin in plugins, f"packagegroup-doorway.bb has {plugin}, of which the daemon makes no element: take it out")
    return f"{len(found)} elements, each with its plugin in Yocto and its package in Debian"
