//! W3C trace context: which request a log line or a message came from.

use model::port::Random;

/// A place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    span: u64,
    sampled: bool,
}

impl Trace {
    /// The start of a new trace.
    pub fn new(random: &dyn Random) -> Self {
        // An all-zero id is not valid.
        Self { id: random.bits() | 1, span: random.bits() as u64 | 1, sampled: false }
    }

    /// A new span in the trace that `traceparent` names; a new trace if there is none or it can't be read.
    pub fn continued(traceparent: Option<&str>, random: &dyn Random) -> Self {
        match traceparent.and_then(Self::parse) {
            Some(parent) => Self { span: random.bits() as u64 | 1, ..parent },
            None => Self::new(random),
        }
    }

    /// Reads `00-TRACE-SPAN-FLAGS`; of later versions the same four fields.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        if !(hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2)) || version == "ff" {
            return None;
        }
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let parsed = Self {
            id: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        };
        (parsed.id != 0 && parsed.span != 0).then_some(parsed)
    }

    /// 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.id)
    }

    /// As a header or a message's attribute.
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.id, self.span, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Random for Fixed {
        fn bits(&self) -> u128 {
            7
        }
    }

    #[test]
    fn a_trace_goes_on_with_a_span_of_its_own() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Trace::continued(Some(text), &Fixed);
        assert_eq!(trace.traceparent(), "00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01");
        assert_eq!(Trace::parse(text).map(|t| t.traceparent()).as_deref(), Some(text));
    }

    #[test]
    fn what_is_no_trace_starts_a_new_one() {
        let zeros = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let upper = "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01";
        for text in ["", "00-1-2-3", &zeros, upper, "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
        {
            assert_eq!(Trace::parse(text), None, "{text}");
            assert_eq!(Trace::continued(Some(text), &Fixed).trace_id(), format!("{:032x}", 7));
        }
    }
}
