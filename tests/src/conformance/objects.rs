//! What every store of objects must do.

use bytes::Bytes;
use futures::{StreamExt, future::join_all, stream};
use model::port::{Objects, PortError, objects::Stream};
use std::sync::Arc;

/// Makes one test of each function of the suite; give an expression that makes `(Arc<dyn Objects>, a prefix that
/// nobody else uses, what must live as long as the test)`.
#[macro_export]
macro_rules! objects_suite {
    ($make:expr) => {
        $crate::objects_suite!($make;
            what_was_stored_is_read,
            only_one_creator_wins,
            large_objects_come_and_go_in_pieces,
            a_reader_sees_whole_objects,
            keys_are_listed_in_byte_order_page_by_page,
            removing_twice_is_fine,
            keys_that_could_lead_elsewhere_are_refused,
        );
    };
    ($make:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (objects, prefix, _guard) = $make.await;
                $crate::conformance::objects::$name(objects, &prefix).await;
            }
        )*
    };
}

/// Empty, small and large; a second `put` replaces.
pub async fn what_was_stored_is_read(objects: Arc<dyn Objects>, prefix: &str) {
    assert_eq!(objects.get(&format!("{prefix}/none")).await.unwrap(), None);
    for (name, size) in [("empty", 0), ("small", 5), ("large", 3_000_000)] {
        let key = format!("{prefix}/a/{name}");
        let data: Bytes = (0..size).map(|at| (at % 251) as u8).collect();
        objects.put(&key, data.clone()).await.unwrap();
        assert_eq!(objects.get(&key).await.unwrap(), Some(data));
        objects.put(&key, Bytes::from_static(b"new")).await.unwrap();
        assert_eq!(objects.get(&key).await.unwrap(), Some(Bytes::from_static(b"new")));
        assert!(!objects.create(&key, Bytes::from_static(b"newer")).await.unwrap());
        assert_eq!(objects.get(&key).await.unwrap(), Some(Bytes::from_static(b"new")));
    }
}

/// And its bytes are the ones that stay.
pub async fn only_one_creator_wins(objects: Arc<dyn Objects>, prefix: &str) {
    for round in 0..8 {
        let key = format!("{prefix}/race/{round}");
        let creators = (0..16_u8).map(|number| {
            let (objects, key) = (objects.clone(), key.clone());
            tokio::spawn(async move {
                (number, objects.create(&key, Bytes::from(vec![number; 1000])).await.unwrap())
            })
        });
        let results = join_all(creators).await.into_iter().map(Result::unwrap);
        let winners: Vec<u8> = results.filter(|(_, won)| *won).map(|(number, _)| number).collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(objects.get(&key).await.unwrap(), Some(Bytes::from(vec![winners[0]; 1000])));
    }
}

/// And one whose stream breaks off is not there.
pub async fn large_objects_come_and_go_in_pieces(objects: Arc<dyn Objects>, prefix: &str) {
    let pieces: Vec<Bytes> = (0..100_u8).map(|number| Bytes::from(vec![number; 50_000])).collect();
    let whole: Vec<u8> = pieces.concat();
    let key = format!("{prefix}/streamed/large");
    let sent = || stream::iter(pieces.clone().into_iter().map(Ok));
    let broken = sent().take(3).chain(stream::iter([Err(PortError::Transient("gone".into()))])).boxed();
    assert!(objects.create_from(&key, broken).await.unwrap_err().is_transient());
    assert!(objects.read(&key).await.unwrap().is_none());
    assert_eq!(objects.list(&format!("{prefix}/streamed/"), None, 10).await.unwrap(), Vec::<String>::new());
    assert!(objects.create_from(&key, sent().boxed()).await.unwrap());
    assert!(!objects.create_from(&key, stream::empty().boxed()).await.unwrap());
    let read = |data: Stream| data.map(Result::unwrap).collect::<Vec<_>>();
    let data = objects.read(&key).await.unwrap().unwrap();
    // Removed meanwhile, it is read to its end all the same.
    objects.delete(&key).await.unwrap();
    let found = read(data).await;
    assert!(found.len() > 1, "one piece of {} bytes", whole.len());
    assert!(found.concat() == whole);
    assert!(objects.read(&key).await.unwrap().is_none());
    let empty = format!("{prefix}/streamed/empty");
    assert!(objects.create_from(&empty, stream::empty().boxed()).await.unwrap());
    assert!(read(objects.read(&empty).await.unwrap().unwrap()).await.concat().is_empty());
    assert!(!objects.create_from("../x", stream::empty().boxed()).await.unwrap_err().is_transient());
}

/// The old one or the new one, however often it is replaced meanwhile.
pub async fn a_reader_sees_whole_objects(objects: Arc<dyn Objects>, prefix: &str) {
    let key = format!("{prefix}/replaced");
    objects.put(&key, Bytes::from(vec![0; 50_000])).await.unwrap();
    let writer = tokio::spawn({
        let (objects, key) = (objects.clone(), key.clone());
        async move {
            for round in 1..40_u8 {
                objects.put(&key, Bytes::from(vec![round; 50_000 + usize::from(round)])).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let data = objects.get(&key).await.unwrap().unwrap();
        assert!(data.iter().all(|byte| *byte == data[0]) && data.len() == 50_000 + usize::from(data[0]));
    }
    writer.await.unwrap();
}

/// Whatever folders the keys may be kept in.
pub async fn keys_are_listed_in_byte_order_page_by_page(objects: Arc<dyn Objects>, prefix: &str) {
    let names = [
        "a",
        "b-1",
        "b.1",
        "b/1",
        "b/1-",
        "b/10",
        "b/2/x",
        "b/2/y",
        "b0",
        "bb",
        "c/d/e/f",
        "Z",
        "log/000009",
        "log/000010",
    ];
    for name in names {
        assert!(objects.create(&format!("{prefix}/{name}"), Bytes::from_static(b"x")).await.unwrap());
    }
    let mut sorted: Vec<String> = names.iter().map(|name| format!("{prefix}/{name}")).collect();
    sorted.sort_unstable();
    for start in [
        format!("{prefix}/"),
        format!("{prefix}/b"),
        format!("{prefix}/b/"),
        format!("{prefix}/b/1"),
        format!("{prefix}/log/"),
        format!("{prefix}/x"),
    ] {
        let expected: Vec<String> = sorted.iter().filter(|key| key.starts_with(&start)).cloned().collect();
        assert_eq!(objects.list(&start, None, 100).await.unwrap(), expected, "{start}");
        for size in [1, 2, 5] {
            let mut pages: Vec<String> = Vec::new();
            loop {
                let page = objects.list(&start, pages.last().map(String::as_str), size).await.unwrap();
                assert!(page.len() <= size);
                if page.is_empty() {
                    break;
                }
                pages.extend(page);
            }
            assert_eq!(pages, expected, "{start} by {size}");
        }
    }
    let after = format!("{prefix}/b/15");
    let expected: Vec<String> = sorted.iter().filter(|key| **key > after).cloned().collect();
    assert_eq!(objects.list(&format!("{prefix}/"), Some(&after), 100).await.unwrap(), expected);
}

/// And what was removed is neither read nor listed, and may be created again.
pub async fn removing_twice_is_fine(objects: Arc<dyn Objects>, prefix: &str) {
    let key = format!("{prefix}/gone/soon");
    objects.put(&key, Bytes::from_static(b"1")).await.unwrap();
    for _ in 0..2 {
        objects.delete(&key).await.unwrap();
        assert_eq!(objects.get(&key).await.unwrap(), None);
    }
    objects.delete(&format!("{prefix}/never/was")).await.unwrap();
    assert_eq!(objects.list(&format!("{prefix}/gone/"), None, 10).await.unwrap(), Vec::<String>::new());
    assert!(objects.create(&key, Bytes::from_static(b"2")).await.unwrap());
}

/// For good: a repeat can't help.
pub async fn keys_that_could_lead_elsewhere_are_refused(objects: Arc<dyn Objects>, prefix: &str) {
    for bad in
        ["", "/", "..", "../x", "a/../b", "a//b", "a/", "./a", "a\\b", "a\nb", "ä", "a b", "a:b", "%2e%2e/a"]
    {
        let key = if bad.is_empty() { String::new() } else { format!("{prefix}/{bad}") };
        for error in [
            objects.put(&key, Bytes::new()).await.unwrap_err(),
            objects.create(&key, Bytes::new()).await.unwrap_err(),
            objects.get(&key).await.unwrap_err(),
            objects.delete(&key).await.unwrap_err(),
        ] {
            assert!(!error.is_transient(), "{key:?}: {error}");
        }
    }
}
