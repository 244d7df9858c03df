//! A log from its end: the newest lines, and page by page those before them.

use super::{Extent, segment};
use host::Error;
use model::{
    document::log::{Line, Position},
    port::Objects,
};

/// At most `limit` lines before a position, newest first, and the position of the oldest of them; `None` where nothing
/// comes before that.
pub async fn newest(
    objects: &dyn Objects,
    prefix: &str,
    extent: &Extent,
    before: Position,
    limit: usize,
) -> Result<(Vec<Line>, Option<Position>), Error> {
    let (mut lines, mut at) = (vec![], before);
    while lines.len() < limit {
        if at.line == 0 {
            let Some(number) = extent.before(at.segment) else { return Ok((lines, None)) };
            at = Position { segment: number, line: u32::MAX };
        }
        let mut found = segment(objects, prefix, at.segment, 0).await?.unwrap_or_default();
        found.retain(|(number, _)| *number < at.line);
        at.line = 0;
        for (number, line) in found.into_iter().rev() {
            if lines.len() == limit {
                break;
            }
            lines.push(line);
            at.line = number;
        }
    }
    let more = at.line > 0 || extent.before(at.segment).is_some();
    Ok((lines, more.then_some(at)))
}
