//! The operator's folder of templates.

use std::path::Path;

/// Larger files are no templates.
const LARGEST: u64 = 1024 * 1024;

/// The `.txt` and `.html` files by name; others are not ours.
pub(super) fn read(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let in_folder = |error: std::io::Error| format!("it can not be read: {error}");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(in_folder)? {
        let path = entry.map_err(in_folder)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if is_template(name) && path.is_file() {
            files.push((name.to_owned(), content(&path).map_err(|problem| format!("{name}: {problem}"))?));
        }
    }
    Ok(files)
}

fn is_template(name: &str) -> bool {
    !name.starts_with('.') && (name.ends_with(".txt") || name.ends_with(".html"))
}

fn content(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(text.replace("\r\n", "\n"))
}
