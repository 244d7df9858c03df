//! The parser: what BuildKit takes parses, what it refuses is said, and neither costs more than its length.

use super::*;

/// Keyword and text of each instruction.
fn shape(text: &str) -> Vec<(String, String)> {
    let file = parse(text);
    assert_eq!(file.problems, [], "{text}");
    file.instructions.into_iter().map(|i| (i.keyword, i.text)).collect()
}

fn body(text: &str, heredoc: usize) -> String {
    let file = parse(text);
    assert_eq!(file.problems, [], "{text}");
    file.instructions[1].heredocs[heredoc].body.clone()
}

#[test]
fn what_buildkit_takes_parses() {
    for (text, last) in [
        ("from a\nrun x", ("RUN", "x")),
        (
            "\u{feff}# syntax=docker/dockerfile:1\r\n# check=skip=all\r\nFROM a\r\nRUN x \\\r\n  y\r\n",
            ("RUN", "x y"),
        ),
        ("#  escape = `\nFROM a\nCOPY a.txt C:\\`\n# c\n\n  x\\", ("COPY", "a.txt C:\\  x\\")),
        ("# made by=hand\n# escape=`\nFROM a\nRUN x `\nRUN y", ("RUN", "y")),
        ("ARG A=1\nARG B\nFROM a:$A AS b-1.x\nFROM b-1.x", ("FROM", "b-1.x")),
        ("FROM a\nRUN x \\\n# one\n   # two\n\n\t\n  y", ("RUN", "x y")),
        ("FROM a\nRUN \\\n x", ("RUN", "x")),
        ("FROM a\n   RUN x\\\\\nRUN y \\", ("RUN", "y")),
        ("FROM a\nONBUILD\tRUN  x", ("RUN", "x")),
        ("FROM a\nONBUILD COPY --from=x <<E /y\nz\nE", ("COPY", "<<E /y")),
        ("FROM a\nHEALTHCHECK --interval=1s --retries=3 cmd [\"x\"]", ("HEALTHCHECK", "cmd [\"x\"]")),
        ("FROM a\nHEALTHCHECK none", ("HEALTHCHECK", "none")),
        ("FROM a\nSHELL [\"powershell\", \"-Command\"]", ("SHELL", "[\"powershell\", \"-Command\"]")),
        ("FROM a\nCMD", ("CMD", "")),
        ("FROM a\nENTRYPOINT []", ("ENTRYPOINT", "[]")),
        ("FROM a\nCMD [ 'x', \"y\" ]", ("CMD", "[ 'x', \"y\" ]")),
        ("FROM a\nCMD [\"x\"] y", ("CMD", "[\"x\"] y")),
        ("FROM a\nCOPY [\"a b\",\"c\"]", ("COPY", "[\"a b\",\"c\"]")),
        ("FROM a\nCOPY --chown=1:1 --link --exclude=*.md --parents a b", ("COPY", "a b")),
        (
            "FROM a\nADD --checksum=sha256:x --keep-git-dir=true https://x/y.git /z",
            ("ADD", "https://x/y.git /z"),
        ),
        ("FROM a\nRUN --mount=type=secret,id=\"a b\" --network=none --security=insecure -- x", ("RUN", "x")),
        ("FROM --platform=$BUILDPLATFORM a AS B", ("FROM", "a AS B")),
        ("FROM a\nENV A b c=d", ("ENV", "A b c=d")),
        ("FROM a\nENV A=\"b c\" D='e f' G=h\\ i", ("ENV", "A=\"b c\" D='e f' G=h\\ i")),
        ("FROM a\nLABEL \"a b\"=c", ("LABEL", "\"a b\"=c")),
        ("FROM a\nARG A B=1 C", ("ARG", "A B=1 C")),
        ("FROM a\nEXPOSE 80/tcp 90-91/udp $P", ("EXPOSE", "80/tcp 90-91/udp $P")),
        ("FROM a\nVOLUME [\"/x\"]", ("VOLUME", "[\"/x\"]")),
        ("FROM a\nWORKDIR C:\\x y", ("WORKDIR", "C:\\x y")),
        ("FROM a\nRUN echo \"<<E\" '<<F' a<<G <<<h", ("RUN", "echo \"<<E\" '<<F' a<<G <<<h")),
        ("FROM a\nRUN [\"cat\", \"<<E\"]", ("RUN", "[\"cat\", \"<<E\"]")),
        ("FROM a\nRUN it's <<E", ("RUN", "it's <<E")),
    ] {
        let found = shape(text);
        let found = found.last().map(|(keyword, text)| (keyword.as_str(), text.as_str()));
        assert_eq!(found, Some(last), "{text}");
    }
}

#[test]
fn heredocs_in_every_form() {
    assert_eq!(body("FROM a\nRUN <<EOF\nx \\\n# y\n\nEOF\nRUN z", 0), "x \\\n# y\n\n");
    assert_eq!(body("FROM a\nRUN <<-EOF\n\tx\n\t\tEOF\nUSER 1", 0), "x\n");
    assert_eq!(body("FROM a\nCOPY <<A <<\"B\" 3<<-'C' /x\n1\nA\n2\nB\n3\n\tC\n", 2), "3\n");
    assert_eq!(body("FROM a\r\nADD <<'a.b' /x\r\n1\r\na.b\r\n", 0), "1\n");
    assert_eq!(body("# escape=`\nFROM a\nRUN <<E `\n x\ny\nE", 0), "y\n");
    let file = parse("FROM a\nCOPY <<A <<'B' /x\nA\nB\nRUN <<\"C\" sh\nFROM x\nC\nUSER 1");
    let expanded: Vec<_> = file.instructions.iter().flat_map(|i| &i.heredocs).map(|h| h.expand).collect();
    assert_eq!(expanded, [true, false, false]);
    assert_eq!(file.instructions.len(), 4);
}

#[test]
fn what_buildkit_refuses_is_said() {
    for text in [
        "FROM",
        "FROM a b",
        "FROM a AS",
        "FROM a\nFOO x",
        "FROM a\nENV A",
        "FROM a\nENV A=1 B",
        "FROM a\nLABEL A",
        "FROM a\nCOPY a",
        "FROM a\nCOPY --form=x a b",
        "FROM a\nADD [\"a\"]",
        "FROM a\nCMD [\"x\", 1]",
        "FROM a\nSHELL bash -c",
        "FROM a\nHEALTHCHECK curl x",
        "FROM a\nHEALTHCHECK NONE x",
        "FROM a\nHEALTHCHECK CMD",
        "FROM a\nEXPOSE",
        "FROM a\nONBUILD",
        "FROM a\nRUN <<E\nx",
        "# escape=x\nFROM a",
        "# syntax=a\n# syntax=b\nFROM a",
    ] {
        assert_eq!(parse(text).problems.len(), 1, "{text}: {:?}", parse(text).problems);
    }
}
