//! Services of log files that are named as Kubernetes names them.

use crate::kubernetes::workload_of_pod;

/// Letters and digits in the random suffix of a pod.
const POD_SUFFIX: usize = 5;

/// The service that wrote a log file, where its path is one of Kubernetes':
/// `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`,
/// `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<number>.log`, or `<pod>.log` with a generated pod name.
pub fn service_of_path(path: &str) -> Option<&str> {
    let mut components = path.rsplit('/');
    let file = components.next()?;
    let (container, directory) = (components.next(), components.next());
    if let (Some(container), Some(directory)) = (container, directory)
        && file.starts_with(|first: char| first.is_ascii_digit())
        && !container.is_empty()
        && let Some((_, pod, _)) = three_parts(directory)
    {
        return Some(workload_of_pod(pod).unwrap_or(pod));
    }
    let name = file.strip_suffix(".log")?;
    if let Some((pod, _, container)) = three_parts(name)
        && container.rsplit_once('-').is_some_and(|(_, id)| id.len() == 64)
    {
        return Some(workload_of_pod(pod).unwrap_or(pod));
    }
    let (_, suffix) = name.rsplit_once('-')?;
    if suffix.len() == POD_SUFFIX { workload_of_pod(name) } else { None }
}

fn three_parts(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.split('_');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && !found.0.is_empty() && !found.1.is_empty() && !found.2.is_empty()).then_some(found)
}
