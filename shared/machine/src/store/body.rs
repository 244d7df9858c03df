//! Reads a document's bytes once: that they are JSON, that Firestore would take them, and what indexed fields say.
//!
//! Invariant: what passes here is a JSON object that Firestore accepts too, so that a program behaves the same on
//! both engines. Every commit of every document comes through here, so nothing is built but the fields asked for.

use super::check::{DOCUMENT_BYTES, LEVELS, Wanted, field_name};
use model::port::store::StoreError;
use serde_json::Value;

/// Checks a body and reads the wanted fields; what the document lacks stays `None`.
pub(super) fn read(
    path: &str,
    bytes: &[u8],
    wanted: &Wanted,
    slots: usize,
) -> Result<Vec<Option<Value>>, StoreError> {
    let refused = |why: String| StoreError::Invalid(format!("document `{path}`: {why}"));
    let text = std::str::from_utf8(bytes).map_err(|e| refused(e.to_string()))?;
    let name: usize = path.split('/').map(|segment| segment.len() + 1).sum();
    let mut reader = Reader { text, bytes, at: 0, size: name + 48, found: vec![None; slots] };
    if let Err(why) = reader.document(wanted) {
        return Err(refused(format!("{why}, at byte {}", reader.at)));
    }
    if reader.size > DOCUMENT_BYTES {
        return Err(refused(format!(
            "{} bytes are more than the {DOCUMENT_BYTES} a document may have; split it",
            reader.size
        )));
    }
    Ok(reader.found)
}

/// Where reading is, and what it came to so far.
struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Bytes as Firestore counts them.
    size: usize,
    found: Vec<Option<Value>>,
}

/// A string between its quotes.
struct Raw<'a> {
    text: &'a str,
    escaped: bool,
}

/// One word, so that what is read goes from call to call in registers.
type Read<T> = Result<T, Box<String>>;

fn refuse<T>(why: impl Into<String>) -> Read<T> {
    Err(Box::new(why.into()))
}

impl<'a> Reader<'a> {
    fn document(&mut self, wanted: &Wanted) -> Read<()> {
        if self.next() != Some(b'{') {
            return refuse("a document is a JSON object");
        }
        self.object(1, Some(wanted))?;
        match self.peek() {
            None => Ok(()),
            Some(_) => refuse("there is more behind the object"),
        }
    }

    /// The next byte that is no white space, not yet taken.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// Behind its opening brace.
    fn object(&mut self, level: usize, wanted: Option<&Wanted>) -> Read<()> {
        too_deep(level)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.next() != Some(b'"') {
                return refuse("a field's name is missing");
            }
            let name = self.string()?;
            let below = self.name(&name, wanted)?;
            if self.next() != Some(b':') {
                return refuse("a field has no value");
            }
            self.field(level, below)?;
            match self.next() {
                Some(b',') => {}
                Some(b'}') => return Ok(()),
                _ => return refuse("an object isn't closed"),
            }
        }
    }

    /// Counts a field's name, and finds what is wanted of the field.
    fn name<'w>(&mut self, name: &Raw<'_>, wanted: Option<&'w Wanted>) -> Read<Option<&'w Wanted>> {
        if name.escaped {
            let name = decoded(name.text)?;
            field_name(&name).map_err(Box::new)?;
            self.size += name.len() + 1;
            return Ok(wanted.and_then(|wanted| wanted.child(&name)));
        }
        field_name(name.text).map_err(Box::new)?;
        self.size += name.text.len() + 1;
        Ok(wanted.and_then(|wanted| wanted.child(name.text)))
    }

    fn field(&mut self, level: usize, wanted: Option<&Wanted>) -> Read<()> {
        let Some(slot) = wanted.and_then(Wanted::slot) else {
            return self.value(level, false, wanted);
        };
        let from = self.at;
        self.value(level, false, None)?;
        let value: Value =
            serde_json::from_str(&self.text[from..self.at]).map_err(|e| Box::new(e.to_string()))?;
        if let Some(wanted) = wanted {
            fill(wanted, &value, &mut self.found);
        }
        self.found[slot] = Some(value);
        Ok(())
    }

    fn value(&mut self, level: usize, in_array: bool, wanted: Option<&Wanted>) -> Read<()> {
        match self.next() {
            Some(b'"') => {
                let text = self.string()?;
                let length = if text.escaped { decoded(text.text)?.len() } else { text.text.len() };
                self.size += length + 1;
                Ok(())
            }
            Some(b'{') => self.object(level + 1, wanted),
            Some(b'[') if in_array => refuse("an array holds an array; put an object in between"),
            Some(b'[') => self.array(level + 1),
            Some(b't') => self.literal("rue"),
            Some(b'f') => self.literal("alse"),
            Some(b'n') => self.literal("ull"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => refuse("a value is missing"),
        }
    }

    /// Behind its opening bracket.
    fn array(&mut self, level: usize) -> Read<()> {
        too_deep(level)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(level, true, None)?;
            match self.next() {
                Some(b',') => {}
                Some(b']') => return Ok(()),
                _ => return refuse("an array isn't closed"),
            }
        }
    }

    fn literal(&mut self, rest: &str) -> Read<()> {
        if !self.text[self.at..].starts_with(rest) {
            return refuse("a value is none that JSON knows");
        }
        self.at += rest.len();
        self.size += 1;
        Ok(())
    }

    /// Behind its opening quote.
    fn string(&mut self) -> Read<Raw<'a>> {
        let (from, mut at) = (self.at, self.at);
        let mut escaped = false;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                // What is escaped is looked at by `decoded`; here it must only not end the string.
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(0..0x20) => return refuse("a string holds a control character"),
                Some(_) => at += 1,
                None => return refuse("a string isn't closed"),
            }
        }
        self.at = at + 1;
        Ok(Raw { text: &self.text[from..at], escaped })
    }

    /// From its first character, which is taken already. Most are short whole numbers, which need no second look.
    fn number(&mut self) -> Read<()> {
        let from = self.at - 1;
        let of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        while self.bytes.get(self.at).is_some_and(of_number) {
            self.at += 1;
        }
        self.size += 8;
        let digits = &self.bytes[from..self.at];
        let plain = digits.len() < 19 && digits.iter().all(u8::is_ascii_digit);
        if plain && (digits[0] != b'0' || digits.len() == 1) {
            return Ok(());
        }
        let number: serde_json::Number =
            serde_json::from_str(&self.text[from..self.at]).map_err(|e| Box::new(e.to_string()))?;
        match number.as_u64() {
            Some(integer) if i64::try_from(integer).is_err() => {
                refuse(format!("{integer} is above {}, the greatest integer a document may hold", i64::MAX))
            }
            _ => Ok(()),
        }
    }
}

/// Reads what is wanted below a field that is itself wanted.
fn fill(wanted: &Wanted, value: &Value, found: &mut [Option<Value>]) {
    for (name, below) in wanted.below() {
        if let Some(value) = value.get(name) {
            if let Some(slot) = below.slot() {
                found[slot] = Some(value.clone());
            }
            fill(below, value, found);
        }
    }
}

/// What a string with escapes says.
fn decoded(raw: &str) -> Read<String> {
    serde_json::from_str(&format!("\"{raw}\"")).map_err(|e| Box::new(e.to_string()))
}

fn too_deep(level: usize) -> Read<()> {
    if level > LEVELS { refuse(format!("more than {LEVELS} levels deep")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(bytes: &[u8]) -> Result<Vec<Option<Value>>, StoreError> {
        let mut wanted = Wanted::default();
        wanted.add("a", 0);
        wanted.add("b.c", 1);
        read("x/y", bytes, &wanted, 2)
    }

    fn of(document: &Value) -> Result<Vec<Option<Value>>, StoreError> {
        check(&serde_json::to_vec(document).unwrap())
    }

    #[test]
    fn reads_the_wanted_fields() {
        let found = of(&json!({"z": [1, {"a": 3}], "a": [1], "b": {"a": 0, "c": "x", "d": {}}})).unwrap();
        assert_eq!(found, [Some(json!([1])), Some(json!("x"))]);
        assert_eq!(of(&json!({"b": 1})).unwrap(), [None, None]);
        let spaced = b" {\n\"\\u0061\" : \"q\\\"\\u00e9\" ,\t\"b\":{ \"c\":-0.5e3 } } ";
        assert_eq!(check(spaced).unwrap(), [Some(json!("q\"é")), Some(json!(-500.0))]);
    }

    #[test]
    fn refuses_what_firestore_refuses() {
        let deep = (0..20).fold(json!(1), |inner, _| json!({ "x": inner }));
        assert!(of(&deep).is_ok());
        let huge = "x".repeat(DOCUMENT_BYTES);
        for bad in [
            json!({"x": [[1]]}),
            json!({"a": [[1]]}),
            json!({"x": [{"y": [[]]}]}),
            json!({"x": u64::MAX}),
            json!({"a": u64::MAX}),
            json!({"": 1}),
            json!({"__x__": 1}),
            json!({"y": deep}),
            json!({"x": huge}),
            json!([1]),
            json!(1),
        ] {
            assert!(matches!(of(&bad), Err(StoreError::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        for bad in [
            "",
            "{",
            "{} {}",
            "{}}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":-}",
            "{\"a\":+1}",
            "{\"a\":1e}",
            "{\"a\":1e999}",
            "{\"a\":tru}",
            "{\"a\":nul}",
            "{\"a\":[1,]}",
            "{\"a\":[1}",
            "{\"a\":\"x}",
            "{\"a\":\"\\q\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\\"}",
            "{\"\\q\":1}",
            "{\"a\":NaN}",
            "{'a':1}",
            "{\"a\" 1}",
            "\u{feff}{}",
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(check(b"{\"a\":\"\xff\"}").is_err());
    }

    /// Something like JSON, often broken.
    fn nearly_json() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"b\"",
            "\\",
            "\\n",
            "\\u00e9",
            "0",
            "1",
            "-",
            ".",
            "e",
            "12345678901234567890",
            "true",
            "false",
            "null",
            " ",
            "\n",
            "é",
            "{}",
            "{\"a\":1}",
            "\"b\":{\"c\":2}",
        ]);
        prop::collection::vec(piece, 0..14).prop_map(|pieces| format!("{{{}}}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn takes_only_what_a_json_library_takes(text in nearly_json()) {
            // Of a field that is there twice, a map keeps the last one whole.
            prop_assume!(["\"a\"", "\"b\""].iter().all(|name| text.matches(name).count() < 2));
            let known: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(&text);
            match (check(text.as_bytes()), known) {
                (Ok(found), Ok(map)) => {
                    prop_assert_eq!(&found[0], &map.get("a").cloned());
                    prop_assert_eq!(&found[1], &map.get("b").and_then(|b| b.get("c")).cloned());
                }
                (Ok(_), Err(e)) => prop_assert!(false, "{} passes, though {}", text, e),
                // What else it refuses, it refuses for Firestore's sake, however it is written.
                (Err(_), Ok(map)) => prop_assert!(of(&map.into()).is_err(), "{} is refused", text),
                (Err(_), Err(_)) => {}
            }
        }
    }
}
