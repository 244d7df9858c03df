//! What every place where apps run must do.
//!
//! The app is `tests/src/bin/test-app`; an adapter's factory says how it is started there. Nothing here assumes
//! that a revision is up at once or that an ingress is on this machine: only the port and the URLs it gives.

mod builds;
mod fixture;
pub mod http;
mod observing;
mod revisions;
mod traffic;

pub use builds::*;
pub use fixture::{App, Fixture, Heard, PATIENCE, Stars, archived};
pub use observing::*;
pub use revisions::*;
pub use traffic::*;

/// Makes one test of each function of the suite; give an expression that makes a [`Fixture`].
#[macro_export]
macro_rules! target_suite {
    ($make:expr) => {
        $crate::target_suite!($make;
            a_build_happens_once_and_announces_its_end,
            an_unknown_build_is_unknown,
            a_failing_build_says_why,
            a_hanging_build_is_killed_with_all_it_started,
            a_cancelled_build_ends,
            a_flood_of_output_is_bounded_and_its_end_is_kept,
            secrets_are_not_in_a_builds_log,
            a_new_revision_takes_no_traffic,
            a_revision_is_created_once,
            a_revision_that_exits_is_dead_and_says_why,
            a_revision_that_never_listens_is_not_healthy,
            secrets_are_not_in_a_runtime_log,
            a_runtime_log_goes_on_from_a_position,
            a_log_outlives_its_revision,
            the_head_of_a_log_tells_of_each_segment,
            an_apps_environment_is_clean,
            what_dies_is_started_again,
            a_restart_makes_a_new_process,
            what_is_stopped_is_remembered,
            what_was_built_is_released_again,
            a_deleted_service_is_gone_and_made_anew,
            bounds_are_set_or_refused,
            a_first_revision_lets_nobody_in_before_it_is_opened,
            traffic_is_fenced_by_its_token,
            a_repeated_change_of_traffic_answers_as_the_first_did,
            shares_must_sum_to_a_hundred_and_name_revisions,
            ten_percent_are_ten_of_a_hundred,
            stable_requests_do_not_notice_a_release,
            a_remembered_revision_comes_back,
            a_forgotten_revision_is_gone,
            a_discarded_revision_is_gone_alone,
            retiring_waits_for_requests_under_way,
            windows_count_each_request_once,
            paths_are_counted_by_form_or_not_known,
            cost_is_made_of_what_was_measured,
            bodies_are_streamed_both_ways,
            a_web_socket_passes,
        );
    };
    ($make:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                $crate::conformance::target::$name($make.await).await;
            }
        )*
    };
}
