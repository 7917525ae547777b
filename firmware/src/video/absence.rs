//! Why a GStreamer element can't be had. Its package is to be installed only where its plugin is not there.

use std::path::PathBuf;

use super::gst::{self, ElementFactory, Plugin, PluginFlags, Registry};

/// What there is of a plugin whose element is missing.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Its file is there, and this is what the loader says.
    Broken(String),
    /// Its file can be loaded, and GStreamer's list of plugins does not know.
    Unlisted,
    /// It works, and offers other elements: what the element needs of this machine is missing.
    WithoutIt,
}

/// Why there is no `element`, and what to do. Starts GStreamer.
pub(super) fn reason(element: &str) -> String {
    match gst::ready() {
        Ok(()) => words(element, &find(element, plugin_of(element))),
        Err(error) => error.to_string(),
    }
}

fn find(element: &str, plugin: &str) -> Found {
    let registry = Registry::get();
    let listed = registry.find_plugin(plugin);
    if let Some(listed) = &listed
        && !listed.plugin_flags().contains(PluginFlags::BLACKLISTED)
    {
        // Loading leaves handles open, so it is done only to learn why an element that the plugin claims fails.
        let is_listed = ElementFactory::find(element).is_some();
        return if is_listed && listed.load().is_err() { load(listed.filename()) } else { Found::WithoutIt };
    }
    let beside_others = || {
        let core = registry.find_plugin("coreelements")?.filename()?;
        Some(core.with_file_name(format!("libgst{plugin}.so")))
    };
    load(listed.and_then(|listed| listed.filename()).or_else(beside_others))
}

fn load(file: Option<PathBuf>) -> Found {
    match file.filter(|file| file.exists()).map(Plugin::load_file) {
        None => Found::Nothing,
        Some(Ok(_)) => Found::Unlisted,
        Some(Err(error)) => Found::Broken(error.to_string()),
    }
}

fn words(element: &str, found: &Found) -> String {
    match found {
        Found::Nothing => format!("not installed; install the package {}", gst::package_of(element)),
        Found::Broken(why) => format!("installed, but its plugin can't be loaded: {why}"),
        Found::Unlisted => {
            "installed, but GStreamer's list of plugins is out of date; remove ~/.cache/gstreamer-1.0 of this user".into()
        }
        Found::WithoutIt if element.starts_with("v4l2") => {
            "installed, but no /dev/video* that this user may open does it; a board has such hardware or not, and its user \
             has to be in the group video"
                .into()
        }
        Found::WithoutIt => "installed, but not usable on this machine".into(),
    }
}

/// GStreamer's name of the plugin that brings an element.
fn plugin_of(element: &str) -> &str {
    match element {
        "x264enc" => "x264",
        "openh264enc" | "openh264dec" => "openh264",
        "v4l2h264enc" => "video4linux2",
        "jpegdec" => "jpeg",
        "libcamerasrc" => "libcamera",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_only_where_the_plugin_is_not_there() {
        let said = |found: Found| words("x264enc", &found);
        assert!(said(Found::Nothing).contains("install the package gstreamer1.0-plugins-ugly"));
        for other in [Found::Broken("libx264.so: cannot open".into()), Found::Unlisted, Found::WithoutIt] {
            let said = said(other);
            assert!(said.starts_with("installed, but") && !said.contains("package"), "{said}");
        }
    }

    #[test]
    fn what_is_missing_is_found_out_of_what_is_installed() {
        gst::ready().unwrap();
        assert_eq!(find("none", "no-such-plugin"), Found::Nothing);
        // It is installed with what the daemon needs; the machine that runs this has no such hardware, or has it.
        assert_eq!(find("v4l2h264enc", "video4linux2"), Found::WithoutIt);
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("libgstbroken.so");
        std::fs::write(&broken, "not a library").unwrap();
        assert!(matches!(load(Some(broken)), Found::Broken(_)));
    }
}
