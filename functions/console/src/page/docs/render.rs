//! Markdown as HTML.
//!
//! Invariant: HTML in the text is shown as text, and links lead to pages of the documentation or to `https`.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html};

/// What scrolls by itself is reached by the keyboard, and says what it is.
const BOX: &str = "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">";

/// The body of a page.
pub fn html(markdown: &str) -> String {
    let mut events: Vec<Event<'_>> =
        Parser::new_ext(markdown, Options::ENABLE_TABLES).flat_map(own).collect();
    name_headings(&mut events);
    let mut page = String::with_capacity(markdown.len() * 2);
    push_html(&mut page, events.into_iter());
    page
}

/// An event as we want it: tables in a box that scrolls, HTML as text, links that work on the server.
fn own(event: Event<'_>) -> impl Iterator<Item = Event<'_>> {
    let box_of_table = Event::Html(BOX.into());
    let events = match event {
        Event::Start(Tag::Table(alignment)) => {
            [Some(box_of_table), Some(Event::Start(Tag::Table(alignment)))]
        }
        Event::End(TagEnd::Table) => [Some(Event::End(TagEnd::Table)), Some(Event::Html("</div>\n".into()))],
        Event::Html(text) | Event::InlineHtml(text) => [Some(Event::Text(text)), None],
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = address(&dest_url).into();
            [Some(Event::Start(Tag::Link { link_type, dest_url, title, id })), None]
        }
        // A page loads nothing from elsewhere; the words for a picture stay.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => [None, None],
        other => [Some(other), None],
    };
    events.into_iter().flatten()
}

/// Where a link leads on the server: `NAME.md#part`, which works in a repository, is `/docs/NAME#part` here.
fn address(link: &str) -> String {
    if link.starts_with('#') || link.starts_with("https://") {
        return link.to_owned();
    }
    let (file, part) = link.split_once('#').map_or((link, ""), |(file, part)| (file, part));
    let name = file.strip_suffix(".md").filter(|name| !name.contains(['/', ':', '\\']));
    match (name, part) {
        (None, _) => "/docs".to_owned(),
        (Some(name), "") => format!("/docs/{name}"),
        (Some(name), part) => format!("/docs/{name}#{part}"),
    }
}

/// Gives each heading below the first level the name that a forge gives it, for links to a part.
fn name_headings(events: &mut [Event<'_>]) {
    for at in 0..events.len() {
        let Event::Start(Tag::Heading { level, .. }) = &events[at] else { continue };
        if *level == HeadingLevel::H1 {
            continue;
        }
        let words = events[at..].iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let text: String = words
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                _ => None,
            })
            .collect();
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[at] {
            *id = Some(CowStr::from(slug(&text)));
        }
    }
}

/// `Where it isn't` is `where-it-isnt`.
fn slug(text: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    text.chars().filter_map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_html_stays_text() {
        let page = html(
            "a <b onclick=x>c</b>\n\n<script>alert(1)</script>\n\n`<i>` ![words](https://a.example/x.png)\n",
        );
        assert!(!page.contains("<b") && !page.contains("<script") && !page.contains("<i>"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("words"), "{page}");
        assert!(!page.contains("<img"), "{page}");
    }

    #[test]
    fn links_lead_to_the_server_s_pages_or_to_https() {
        for (link, leads) in [
            ("limits.md", "/docs/limits"),
            ("errors.md#busy", "/docs/errors#busy"),
            ("#routes", "#routes"),
            ("https://www.rust-lang.org", "https://www.rust-lang.org"),
            ("javascript:alert(1)", "/docs"),
            ("javascript:x.md", "/docs"),
            ("../../../SECURITY.md", "/docs"),
        ] {
            assert!(html(&format!("[x]({link})")).contains(&format!("href=\"{leads}\"")), "{link}");
        }
    }

    #[test]
    fn headings_have_the_names_that_links_use() {
        let page = html("# Top\n\n## What it `can't` do: 2\n\ntext\n\n| a |\n|---|\n| b |\n");
        assert!(page.contains("<h1>Top</h1>") && page.contains("<h2 id=\"what-it-cant-do-2\">"), "{page}");
        assert!(page.contains(&format!("{BOX}<table>")) && page.contains("</table>\n</div>"), "{page}");
    }
}
