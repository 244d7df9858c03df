//! Known vulnerabilities of locked dependencies, from an export of OSV that the caller has on disk: no network.

use super::finding::{Finding, Scanned};
use crate::command::output::Output;
use crate::failure::Stop;
use anyhow::Result;
use inspect::docker::Severity;
use inspect::vulnerability as known;
use std::path::Path;

/// Every lock file below a folder, or the one that is named. What was compared with how much is said, and what could not be read.
pub fn scan(path: &Path, export: &Path, output: Output) -> Result<Vec<Scanned>> {
    let scan = known::scan(path, export).map_err(|error| Stop::Usage(error.to_string()))?;
    let (locked, files, entries) = (scan.locks.locked.len(), scan.locks.files.len(), scan.export.entries);
    output.note(&format!(
        "{locked} locked packages in {files} files were looked up in {entries} entries of OSV"
    ));
    for unread in &scan.locks.unread {
        output.note(&format!("{} was not read: {}", unread.file, unread.why));
    }
    if let Some(cut) = &scan.locks.cut {
        output.note(&format!("lock files may be missing: {cut}"));
    }
    if scan.export.skipped > 0 {
        output.note(&format!("{} entries of the export could not be read", scan.export.skipped));
    }
    let mut out: Vec<Scanned> =
        scan.locks.files.into_iter().map(|file| Scanned { file, findings: Vec::new() }).collect();
    for found in scan.findings {
        if let Some(file) = out.iter_mut().find(|file| file.file == found.file) {
            file.findings.push(finding(found));
        }
    }
    Ok(out)
}

fn finding(found: known::Finding) -> Finding {
    let known::Finding {
        ecosystem,
        package,
        version,
        file,
        line,
        id,
        aliases,
        summary,
        severity,
        score,
        fixed,
    } = found;
    let score = score.map(|score| format!(" {score:.1}")).unwrap_or_default();
    let fix = match fixed {
        Some(fixed) => format!("Update {package} to {fixed} or later, and lock it anew."),
        None => format!(
            "No version of {package} without it is known: look for another package, or accept it in a baseline."
        ),
    };
    Finding {
        scanner: "vulnerabilities",
        severity: match severity {
            known::Severity::Critical | known::Severity::High => Severity::Error,
            known::Severity::Medium | known::Severity::Unknown => Severity::Warning,
            known::Severity::Low => Severity::Info,
        },
        message: format!("{package} {version} ({}): {summary}", ecosystem.name()),
        why: format!("Its severity is {}{score}.", severity.name()),
        fix,
        peers: aliases,
        fingerprint: format!("vulnerabilities\t{id}\t{file}\t{package} {version}"),
        path: file,
        line,
        end_line: line,
        column: None,
        rule: id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_locked_package_is_told_with_its_line_and_its_fix() {
        let folder = tempfile::tempdir().unwrap();
        let export = folder.path().join("export.json");
        fs::create_dir(folder.path().join("app")).unwrap();
        fs::write(folder.path().join("app/go.mod"), "module a\ngo 1.22\nrequire example.org/b v1.2.3\n")
            .unwrap();
        let entry = r#"{"id":"SXT-2026-0001","aliases":["CVE-2026-1"],"summary":"It leaks","database_specific":{"severity":"HIGH"},
            "affected":[{"package":{"ecosystem":"Go","name":"example.org/b"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.4"}]}]}]}"#;
        fs::write(&export, entry).unwrap();
        let scanned = scan(&folder.path().join("app"), &export, Output::plain()).unwrap();
        let [file] = &scanned[..] else { panic!("{scanned:?}") };
        let [finding] = &file.findings[..] else { panic!("{file:?}") };
        assert_eq!((finding.path.as_str(), finding.line, finding.severity), ("go.mod", 3, Severity::Error));
        assert_eq!(
            (finding.rule.as_str(), finding.peers.as_slice()),
            ("SXT-2026-0001", &["CVE-2026-1".to_owned()][..])
        );
        let alone = scan(&folder.path().join("app/go.mod"), &export, Output::plain()).unwrap();
        assert_eq!(alone[0].findings[0].fingerprint, finding.fingerprint);
        assert!(scan(&export, &export, Output::plain()).unwrap().is_empty(), "it is no lock file");
        assert!(finding.fix.contains("1.2.4") && finding.message.contains("It leaks"), "{finding:?}");
    }

    #[test]
    fn what_is_no_export_is_a_wrong_argument() {
        let folder = tempfile::tempdir().unwrap();
        let error = scan(folder.path(), &folder.path().join("nowhere"), Output::plain()).unwrap_err();
        assert!(error.to_string().contains("all.zip"), "{error}");
    }
}
