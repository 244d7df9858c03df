//! Each rule with texts that break it and texts that don't; the parser's promises as properties.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn found(text: &str) -> BTreeSet<(&'static str, usize)> {
    let around = Surroundings { dockerignore: Some(false), report_ignores: true };
    scan(text, around).into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

/// The rule, what breaks it (after `FROM a:1`, so from line 2 on), what doesn't.
const CASES: &[(&str, &str, &str)] = &[
    ("syntax", "FOO x", "RUN x"),
    ("ignore-comment", "# hadolint ignore=DL3004\nRUN x", "# a comment\nRUN x"),
    ("workdir-relative", "WORKDIR x", "WORKDIR /x\nWORKDIR $X/y\nWORKDIR \"/z\"\nWORKDIR C:/x"),
    ("useless-command", "RUN service x start", "RUN which vim"),
    ("root-user", "USER root:root", "USER root\nUSER 1000"),
    ("no-user", "", "USER 1000"),
    ("non-numeric-user", "USER app", "USER 1000:app"),
    ("cd-in-run", "RUN x && (cd y; z)", "RUN echo cd x"),
    ("sudo", "RUN x; sudo y", "RUN echo sudo"),
    ("untagged-image", "FROM b", "FROM b@sha256:abc\nFROM scratch\nFROM $X\nFROM r.io:80/b:2"),
    ("latest-tag", "FROM b:latest", "FROM b:1"),
    ("apt-pin", "RUN apt-get install -y a", "RUN apt-get install -y a=1 ./b.deb c/stable -t x"),
    (
        "apt-lists",
        "RUN apt-get update",
        "RUN apt-get update && rm -rf /var/lib/apt/lists/*\nRUN --mount=type=cache,target=/var/lib/apt/lists apt-get update",
    ),
    ("add-archive", "COPY a.tgz /t/\nRUN tar -xzf /t/a.tgz", "COPY a.tgz /t/\nRUN tar -czf b.tgz x"),
    ("port-range", "EXPOSE 1-70000", "EXPOSE 65535/tcp $X"),
    ("several-healthchecks", "HEALTHCHECK NONE\nHEALTHCHECK NONE", "HEALTHCHECK NONE"),
    (
        "pip-pin",
        "RUN python3 -m pip install a",
        "RUN pip install a==1 'b>2' -i x\nRUN pip install -r x\nRUN pip install .",
    ),
    ("apt-yes", "RUN apt-get install a", "RUN apt-get -qq install a\nRUN apt-get install -qy b"),
    ("apt-recommends", "RUN apt-get install -y a", "RUN apt-get install --no-install-recommends a"),
    ("npm-pin", "RUN npm install @a/b", "RUN npm install @a/b@1 ./c d.tgz\nRUN npm install\nRUN npm ci"),
    ("apk-pin", "RUN apk add a", "RUN apk add -t .x a=1 'b>2' c~3 d.apk"),
    ("apk-cache", "RUN apk add a=1", "RUN apk --no-cache add a=1"),
    ("add-for-copy", "ADD x /y", "ADD x.tar.gz /y\nADD https://x /y"),
    ("copy-several", "COPY a b /c", "COPY a b /c/\nCOPY a /c"),
    ("copy-from-unknown", "COPY --from=x /a /b", "COPY --from=0 /a /b\nCOPY --from=nginx:1 /a /b"),
    ("copy-from-self", "FROM a:1 AS x\nCOPY --from=x /a /b", "FROM a:1 AS x\nFROM a:1\nCOPY --from=X /a /b"),
    ("reserved-stage", "FROM a:1 AS scratch", "FROM scratch AS b"),
    (
        "cache-left",
        "RUN apt-get update && rm -rf /tmp/*",
        "RUN apt-get update && rm -rf /tmp/x /var/lib/apt/lists/*",
    ),
    (
        "cache-left",
        "RUN yum install -y a-1 && rm -rf /x",
        "RUN yum install -y a-1 && rm -rf /x && yum clean all",
    ),
    ("duplicate-stage", "FROM a:1 AS x\nFROM a:1 AS x", "FROM a:1 AS x\nFROM a:1 AS X"),
    ("duplicate-stage-case", "FROM a:1 AS x\nFROM a:1 AS X", "FROM a:1 AS x\nFROM a:1 AS y"),
    ("shell-form", "CMD x", "CMD [\"x\"]"),
    ("apt", "RUN apt install x", "RUN apt-get install x"),
    ("gem-pin", "RUN gem install a", "RUN gem install a:1\nRUN gem install a -v 1"),
    ("platform", "FROM --platform=linux/arm64 a:1", "FROM --platform=$BUILDPLATFORM a:1"),
    ("target-platform", "FROM --platform=$TARGETPLATFORM a:1", "FROM --platform=$BUILDPLATFORM a:1"),
    ("yum-yes", "RUN yum install a", "RUN yum -y install a"),
    ("yum-clean", "RUN yum install -y a-1", "RUN yum install -y a-1 && yum clean all"),
    ("yum-pin", "RUN yum install -y a-b", "RUN yum install -y a-1.2"),
    ("zypper-yes", "RUN zypper install a", "RUN zypper -n install a"),
    ("zypper-dist-upgrade", "RUN zypper dup", "RUN zypper up"),
    ("zypper-clean", "RUN zypper in a", "RUN zypper in a && zypper cc"),
    ("zypper-pin", "RUN zypper in a", "RUN zypper in a=1 'b>2' c.rpm"),
    ("dnf-yes", "RUN dnf install a", "RUN dnf install -y a"),
    ("dnf-clean", "RUN dnf install -y a-1", "RUN microdnf install -y a-1 && microdnf clean all"),
    ("dnf-pin", "RUN dnf install -y a", "RUN dnf install -y a-1"),
    (
        "pip-cache",
        "RUN pip install a==1",
        "RUN pip install --no-cache-dir a==1\nENV PIP_NO_CACHE_DIR=1\nRUN pip install a==1",
    ),
    ("onbuild", "ONBUILD FROM x", "ONBUILD RUN x"),
    ("env-self-reference", "ENV A=1 B=${A}x", "ENV A=1\nENV B=$A PATH=/x:$PATH"),
    ("copy-without-workdir", "COPY a b", "WORKDIR /x\nCOPY a b\nCOPY c $D"),
    ("useradd-high-uid", "RUN useradd -u 1234567 x", "RUN useradd -l -u 1234567 x\nRUN useradd -u 1000 y"),
    ("wget-progress", "RUN wget x", "RUN wget -qO- x\nRUN wget --progress=dot:giga y"),
    ("label-key", "LABEL Abc=1", "LABEL a.b-c=1"),
    ("consecutive-run", "RUN a\nRUN b", "RUN a\nCOPY b /c\nRUN d && e\nRUN f && g"),
    ("yarn-cache", "RUN yarn install", "RUN yarn install && yarn cache clean"),
    ("go-pin", "RUN go install a/b@latest", "RUN go install a/b@v1 && go install ./..."),
    ("secret-in-env", "ENV API_TOKEN=x", "ENV A=1"),
    ("secret-in-env", "ENV X=AKIAIOSFODNN7EXAMPLE", "ENV X=AKIA"),
    ("secret-like-name", "ARG DB_PASSWD", "ARG PUBLIC_APIKEY"),
    ("secret-file", "COPY .env.local id_rsa /x/", "COPY .env.example pub.pem /x/"),
    ("copy-whole-image", "COPY --from=0 / /", "COPY --from=0 /a /"),
    ("maintainer", "MAINTAINER x", "LABEL a=x"),
    ("wget-and-curl", "RUN wget -q x && curl y", "RUN curl x\nFROM b:1\nRUN wget -q y"),
    ("several-cmd", "CMD [\"a\"]\nCMD [\"b\"]", "CMD [\"a\"]\nFROM b:1\nCMD [\"b\"]"),
    ("several-entrypoint", "ENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]", "ENTRYPOINT [\"a\"]\nCMD [\"b\"]"),
    ("link-shell", "RUN ln -sf /bin/bash /bin/sh", "RUN ln -s a b"),
    (
        "pipefail",
        "RUN a | b",
        "RUN a || echo 'a | b'\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a | b",
    ),
    (
        "fixed-port",
        "CMD [\"uvicorn\", \"a:b\", \"--port\", \"5000\"]",
        "CMD [\"sh\", \"-c\", \"exec uvicorn a:b --port $PORT\"]",
    ),
    ("fixed-port", "EXPOSE 3000\nCMD [\"x\"]", "EXPOSE 3000\nENV PORT=3000\nCMD [\"x\"]"),
    (
        "localhost-bind",
        "CMD [\"gunicorn\", \"-b\", \"127.0.0.1:80\"]",
        "CMD [\"gunicorn\", \"-b\", \"0.0.0.0:80\"]",
    ),
    ("localhost-bind", "ENV HOST=localhost", "ENV HOST=0.0.0.0 DB_HOST=localhost"),
    ("pipe-to-shell", "RUN curl x | sudo bash -s -- y", "RUN curl x | tar x"),
    ("copy-all", "COPY . /x", "COPY ./a /x"),
    ("dist-upgrade", "RUN apt-get -y dist-upgrade", "RUN apt-get -y upgrade"),
    ("heredoc-end", "RUN <<EOF\nx", "RUN <<EOF\nx\nEOF"),
];

#[test]
fn each_rule_is_broken_by_what_breaks_it_and_by_nothing_else() {
    for (rule, bad, good) in CASES {
        let has = |text: &str| found(&format!("FROM a:1\n{text}\n")).iter().any(|(id, _)| id == rule);
        assert!(has(bad), "{rule} is not found in {bad}");
        assert!(!has(good), "{rule} is found in {good}");
    }
    assert!(found("RUN x\nFROM a:1").contains(&("before-from", 1)));
    assert!(found("ARG X=1\n").contains(&("no-from", 1)));
}

#[test]
fn every_rule_has_a_case_and_an_id_of_its_own() {
    let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    let tried = CASES.iter().map(|(rule, ..)| *rule).chain(["before-from", "no-from", "registry"]);
    // These speak only where settings ask for them; they are tried beside the rules.
    let labels = ["missing", "unknown", "empty", "url", "time", "license", "hash", "version", "email"];
    let labels = labels.map(|kind| ids.iter().find(|id| **id == format!("label-{kind}")).copied().unwrap());
    let tried = tried.chain(labels);
    assert_eq!(ids, tried.collect());
}

#[test]
fn the_same_instruction_in_every_disguise() {
    for text in [
        "FROM a:1\nRUN x && \\\n  # why\n\n  sudo y\n",
        "FROM a:1\r\nrun x; \\  \r\n sudo y\r\n",
        "FROM a:1\nRUN <<EOF\nx\nsudo y\nEOF\n",
        "FROM a:1\nRUN <<-'E' bash\n\tnothing here\n\tE\n\nRUN [\"sudo\", \"x\"]",
        "# escape=`\nFROM a:1\nRUN x; `\n sudo C:\\y\n",
        "\u{feff}FROM a:1\nONBUILD RUN --network=none if x; then $(sudo y); fi",
        "FROM a:1\nRUN case $x in a|b) sudo y;; esac",
        "FROM a:1\nRUN for i in 1 2; do A=1 sudo y; done > z 2>&1",
    ] {
        assert!(found(text).iter().any(|(rule, _)| *rule == "sudo"), "{text}");
    }
}

#[test]
fn text_that_only_looks_like_it() {
    for text in [
        "FROM a:1\nRUN cat <<EOF > x\nsudo y\nEOF\n",
        "FROM a:1\nCOPY <<A <<\"B\" /x/\nRUN sudo y\nA\nRUN sudo z\nB\n",
        "FROM a:1\nRUN echo \"sudo y\" '; sudo z' # sudo\n",
        "FROM a:1\nRUN x \\\\\nCMD [\"sudo\"]",
        "FROM a:1\nRUN [[ a || sudo ]]",
    ] {
        assert!(!found(text).iter().any(|(rule, _)| *rule == "sudo"), "{text}");
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let file = parse("# syntax=x\n\nFROM a:1\nRUN a \\\n # c\n b\n\nCOPY <<E /x\n1\n2\nE\nUSER 1\n");
    let lines: Vec<_> = file.instructions.iter().map(|i| (i.keyword.as_str(), i.line, i.end_line)).collect();
    assert_eq!(lines, [("FROM", 3, 3), ("RUN", 4, 6), ("COPY", 8, 11), ("USER", 12, 12)]);
    assert_eq!(file.instructions[2].heredocs[0].body, "1\n2\n");
    assert_eq!(file.directives, [("syntax".to_owned(), "x".to_owned())]);
}

#[test]
fn ignore_comments_in_every_dialect() {
    for (comment, hidden) in [
        ("# hadolint ignore=DL3004", true),
        ("# hadolint ignore=DL3003,DL3004", true),
        ("#sextant ignore=sudo\n# and more", true),
        ("# trivy:ignore:AVD-DS-0010", true),
        ("# hadolint ignore=DL3005", false),
        ("# ignore sudo", false),
    ] {
        let text = format!("FROM a:1\n{comment}\nRUN sudo x\n");
        let shown = scan(&text, Surroundings::default()).iter().any(|finding| finding.rule == "sudo");
        assert_eq!(shown, !hidden, "{comment}");
    }
    let global = "# hadolint global ignore=DL3004\nFROM a:1\nRUN a\nRUN sudo x\n";
    assert!(!scan(global, Surroundings::default()).iter().any(|finding| finding.rule == "sudo"));
    let below_only = "FROM a:1\n# hadolint ignore=DL3004\nRUN x\nRUN sudo x\n";
    assert!(scan(below_only, Surroundings::default()).iter().any(|finding| finding.rule == "sudo"));
}

/// Cases in which hadolint was asked: with peers' ids that a line after `FROM a:1` brings, or none.
#[test]
fn the_same_answer_as_the_peer() {
    for (text, id, expected) in [
        ("RUN [[ -f x ]] && sudo y", "DL3004", true),
        ("RUN function f { sudo x; }", "DL3004", true),
        ("RUN f () { sudo x; }", "DL3004", true),
        ("RUN coproc sudo x", "DL3004", true),
        ("RUN <<EOF bash -e\nsudo x\nEOF", "DL3004", true),
        ("RUN <<EOF cat\nsudo x\nEOF", "DL3004", false),
        ("RUN command cd x", "DL3003", true),
        ("RUN command -v apt-get install x", "DL3014", false),
        ("RUN exec -a y apt-get install x", "DL3014", true),
        ("RUN busybox wget x", "DL3047", true),
        ("ONBUILD RUN cd x", "DL3003", false),
        ("ONBUILD RUN sudo x", "DL3004", true),
        ("ONBUILD USER root", "DL3002", false),
        ("ONBUILD RUN apt-get update\nFROM b:1", "DL3009", true),
        ("ONBUILD RUN yarn install\nFROM b:1", "DL3060", true),
        ("RUN apt-get update\nFROM b:1", "DL3009", false),
        ("ONBUILD WORKDIR /x\nCOPY a b", "DL3045", true),
        ("COPY \"a b\" c", "DL3021", true),
        ("COPY a.tar /t/\nRUN tar -xf /y/a.tar", "DL3010", true),
        ("COPY a.tar /t/b.tar\nRUN tar -xf a.tar", "DL3010", false),
        ("COPY a.tar /t/\nRUN tar xf /t/a.tar", "DL3010", false),
        ("COPY a.tar /t/\nRUN tar -xf a.tar\nFROM b:1", "DL3010", false),
        ("RUN yum clean all && yum install -y a-1", "DL3032", true),
        ("RUN dnf install -y a-1 && dnf clean packages", "DL3040", false),
        ("RUN --mount=type=cache,target=/var/cache/zypp zypper -n in a=1", "DL3036", false),
        ("RUN yarn cache clean && yarn install", "DL3060", true),
        ("RUN pipenv install b", "DL3013", false),
        ("RUN pip install https://x/a.zip", "DL3013", false),
        ("RUN pip install git+https://x/a.git", "DL3013", true),
        ("RUN export PIP_NO_CACHE_DIR=1 && pip install b==1", "DL3042", false),
        ("RUN PIP_NO_CACHE_DIR=off pip install b==1", "DL3042", true),
        ("RUN npm run install", "DL3016", false),
        ("RUN npm install https://x/a.tgz", "DL3016", false),
        ("RUN useradd -rmu 123456 x", "DL3046", true),
        ("FROM --platform=linux/$ARCH a:1", "DL3029", true),
        ("ENV A=1 B=${A:-x}", "DL3044", false),
        ("ARG U\nUSER $U", "DL3066", false),
        ("ENV USERNAME=x", "DL3064", true),
    ] {
        let findings = scan(&format!("FROM a:1\n{text}\n"), Surroundings::default());
        let found = findings.iter().any(|finding| finding.peers.contains(&id));
        assert_eq!(found, expected, "{id} in {text}");
    }
}

#[test]
fn settings_ignore_rules_set_severities_and_name_registries() {
    let text = "FROM docker.io/a:1\nFROM b:1\nFROM c/d:1\nFROM ghcr.io/x/y:1 AS z\nFROM z\nFROM scratch\nFROM localhost:5000/a:1\n\
                # hadolint ignore=DL3020\nADD x /y\nRUN sudo x\nUSER 1\n";
    let found = |settings: &str| {
        let findings = scan_file(&parse(text), Surroundings::default(), &Settings::read(settings));
        findings.into_iter().map(|finding| (finding.rule, finding.line, finding.severity)).collect::<Vec<_>>()
    };
    assert_eq!(found(""), [("sudo", 10, Severity::Error)]);
    assert_eq!(found("override:\n  warning: [DL3004]"), [("sudo", 10, Severity::Warning)]);
    assert_eq!(found("ignored: [sudo]\ndisable-ignore-pragma: true"), [("add-for-copy", 9, Severity::Error)]);
    let registry = |names: &str| {
        let found = found(&format!("ignored: [sudo]\ntrustedRegistries: [{names}]"));
        found.into_iter().map(|(rule, line, _)| (rule, line)).collect::<Vec<_>>()
    };
    assert_eq!(registry("docker.io"), [("registry", 4), ("registry", 7)]);
    assert_eq!(registry("'*.io', localhost:5000"), []);
    assert_eq!(registry("ghcr*, hub.docker.com"), [("registry", 1), ("registry", 7)]);
}

#[test]
fn a_missing_healthcheck_is_no_finding_and_pins_are_information() {
    let text = "FROM a:1\nRUN apt-get install -y --no-install-recommends x\nUSER 1000\nCMD [\"x\"]\n";
    let findings = scan(text, Surroundings::default());
    assert_eq!(findings.iter().map(|f| f.rule).collect::<Vec<_>>(), ["apt-pin"]);
    assert_eq!(findings[0].severity, Severity::Info);
}

#[test]
fn work_grows_with_the_text_and_not_faster() {
    for unit in [
        "RUN a <<A\n",
        "ENV A=$A B=${B\n",
        "# hadolint global ignore=DL3004,x\nRUN sudo x\n",
        "RUN cat <<$(( `\n",
        "FROM a AS b\n",
        "ARG A=$A$A\n",
        "\\\n",
        "RUN ((((\n",
        "COPY a.tar /x\nRUN tar -x /y/a.tar\n",
        "RUN \"${$(\n",
        "yum install a; dnf install b; yarn install; pip install c; ",
        "${a:-",
        "(",
        "$(",
        "A=$A ",
        "<<a ",
    ] {
        let start = if unit.ends_with('\n') { "FROM a:1\n" } else { "FROM a:1\nRUN " };
        let work = |count: usize| {
            let text = format!("{start}{}", unit.repeat(count));
            work::of(|| drop(scan(&text, Surroundings::default())))
        };
        let (once, twice) = (work(2000), work(4000));
        assert!(once >= 1000, "{unit} counts {once} steps: is what it does counted?");
        assert!(twice <= once * 9 / 4, "{unit}: {once} steps, {twice} for twice the text");
    }
}

/// What is put into files that are whole, to break them.
const BROKEN: [&str; 16] = [
    "\\",
    "\n",
    "\r",
    "<<E",
    "\"",
    "'",
    "`",
    "$(",
    "${",
    "[",
    "]",
    "\u{feff}",
    "\0",
    "é",
    "--x",
    "# escape=`\n",
];

proptest! {
    #[test]
    fn any_text_parses(text in "\\PC*") {
        scan(&text, Surroundings::default());
    }

    #[test]
    fn text_made_of_the_pieces_of_dockerfiles_parses(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "FROM ", "RUN ", "COPY ", "ENV ", "ONBUILD ", "CMD ", "--from=", "a:1", " AS x", "<<EOF", "EOF", "\n", "\\\n",
            "`", "\"", "'", "$(", ")", "${", "}", "=", "# escape=`\n", "[", "]", " && ", "|", ";", "case x in", "é", "\t",
            "\r\n", "apt-get install ", "--mount=type=cache,target=", "<(", "((", "\0",
        ]), 0..60)
    ) {
        let text = pieces.concat();
        let lines = text.split('\n').count();
        for finding in scan(&text, Surroundings::default()) {
            prop_assert!(finding.line >= 1 && finding.line <= lines);
            prop_assert!(finding.end_line <= lines);
        }
    }

    #[test]
    fn mutated_files_are_scanned_and_corrected_without_an_accident(
        which in 0..CASES.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..BROKEN.len(), 0..3_usize), 0..12)
    ) {
        let (_, bad, good) = CASES[which];
        let mut text: Vec<char> = format!("FROM a:1\n{bad}\n{good}\n").chars().collect();
        for (at, piece, kind) in cuts {
            if text.is_empty() {
                break;
            }
            let at = at.index(text.len());
            match kind {
                0 => drop(text.remove(at)),
                1 => drop(text.splice(at..at, BROKEN[piece].chars())),
                _ => text.swap(at, 0),
            }
        }
        let text: String = text.into_iter().collect();
        let (fixed, gone) = fix(&text, Surroundings::default());
        prop_assert_eq!(&fix(&fixed, Surroundings::default()).0, &fixed, "a second correction changes more");
        prop_assert_eq!(fixed == text, gone.is_empty());
        let problems = |text: &str| parse(text).problems.len();
        prop_assert!(problems(&fixed) <= problems(&text));
    }
}
