//! Ruby: a Gemfile, Rails, Rack, or a file that is run as it is.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const FRAMEWORKS: [&str; 6] = ["rails", "hanami", "sinatra", "grape", "roda", "padrino"];

pub(super) fn detect(app: &App) -> Option<Origin> {
    let manifest = app.first(&["Gemfile", "config.ru"]).map(|name| app.origin(name, None, 0.95));
    manifest.or_else(|| app.first(&["app.rb", "main.rb"]).map(|name| app.origin(name, None, 0.6)))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let gemfile = app.text("Gemfile").unwrap_or_default();
    let gem = |name: &str| {
        gemfile.lines().position(|line| {
            let mut parts = line.trim().splitn(3, ['"', '\'']);
            parts.next().is_some_and(|head| head.trim() == "gem") && parts.next() == Some(name)
        })
    };
    if let Some((name, at)) = FRAMEWORKS.iter().find_map(|name| Some((*name, gem(name)?))) {
        draft.claim(Field::Framework, name, app.origin("Gemfile", Some(at + 1), 0.95));
    }
    claim_version(app, &gemfile, draft);
    if app.has("Gemfile") {
        let origin = app.origin("Gemfile", None, 0.95);
        draft.claim(Field::PackageManager, "bundler", origin.clone());
        // Rails builds its assets with these; nothing else would install them.
        let assets = super::node_assets(app).filter(|_| draft.report.framework.as_deref() == Some("rails"));
        let more = assets.map(|assets| format!(" && {}", assets.install)).unwrap_or_default();
        draft.claim(Field::Install, app.command(format!("bundle install{more}")), origin);
    }
    claim_start(app, draft);
}

fn claim_start(app: &App, draft: &mut Draft) {
    let rails = draft.report.framework.as_deref() == Some("rails");
    let bundle = if app.has("Gemfile") { "bundle exec " } else { "" };
    if rails {
        let file = if app.has("bin/rails") { "bin/rails" } else { "Gemfile" };
        let origin = app.origin(file, None, 0.9);
        let start = "bundle exec rake db:migrate && bundle exec bin/rails server -b 0.0.0.0 -p ${PORT:-3000}";
        draft.claim(Field::Start, app.command(start), origin.clone());
        if app.has_folder("app/assets") {
            draft.claim(Field::Build, app.command("bundle exec rake assets:precompile"), origin.clone());
        }
        draft.claim_port(3000, Origin { confidence: 0.7, ..origin });
        claim_rails(app, draft);
    } else if draft.report.framework.as_deref() == Some("hanami") {
        let origin = app.origin("Gemfile", None, 0.85);
        let start = "bundle exec hanami server --host 0.0.0.0 --port ${PORT:-2300}";
        draft.claim(Field::Start, app.command(start), origin.clone());
        if app.has_folder("app/assets") || app.has("config/assets.js") {
            draft.claim(Field::Build, app.command("bundle exec hanami assets compile"), origin.clone());
        }
        draft.claim_port(2300, Origin { confidence: 0.7, ..origin });
    } else if app.has("config.ru") {
        let origin = app.origin("config.ru", None, 0.85);
        let start = if app.has("config/puma.rb") {
            format!("{bundle}puma -b tcp://0.0.0.0:${{PORT:-3000}}")
        } else {
            format!("{bundle}rackup config.ru -o 0.0.0.0 -p ${{PORT:-3000}}")
        };
        draft.claim(Field::Start, app.command(start), origin.clone());
        draft.claim_port(3000, Origin { confidence: 0.6, ..origin });
    } else if let Some(file) = app.first(&["app.rb", "main.rb", "server.rb", "web.rb"]) {
        draft.claim(Field::Start, app.command(format!("{bundle}ruby {file}")), app.origin(file, None, 0.7));
        if draft.report.framework.as_deref() == Some("sinatra") {
            draft.claim_port(4567, app.origin(file, None, 0.6));
        }
    }
}

/// The route that newer apps have for checks, and the key without which credentials stay closed.
fn claim_rails(app: &App, draft: &mut Draft) {
    let routes = app.text("config/routes.rb").unwrap_or_default();
    let check = routes
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains("rails/health#show") && !line.trim_start().starts_with('#'));
    if let Some((index, line)) = check
        && let Some(path) = line.split(['"', '\'']).nth(1)
    {
        let path = format!("/{}", path.trim_start_matches('/'));
        draft.claim(Field::HealthPath, path, app.origin("config/routes.rb", Some(index + 1), 0.95));
    }
    const SEALED: &str = "config/credentials.yml.enc";
    if app.has(SEALED) && !app.has("config/master.key") {
        draft.need("RAILS_MASTER_KEY", app.origin(SEALED, None, 0.9));
    }
}

fn claim_version(app: &App, gemfile: &str, draft: &mut Draft) {
    super::versions::claim_file(app, draft, ".ruby-version");
    let declared = gemfile.lines().enumerate().find_map(|(index, line)| {
        let rest = line.trim().strip_prefix("ruby ")?;
        let version = rest.split(['"', '\'']).nth(1)?;
        Some((index + 1, version.to_owned()))
    });
    if let Some((line, version)) = declared {
        draft.claim(Field::RuntimeVersion, version, app.origin("Gemfile", Some(line), 0.95));
    }
    let lock = app.text("Gemfile.lock").unwrap_or_default();
    if let Some(at) = text::line_of(&lock, "RUBY VERSION")
        && let Some(version) = lock.lines().nth(at).and_then(|line| line.trim().strip_prefix("ruby "))
    {
        draft.claim(Field::RuntimeVersion, version, app.origin("Gemfile.lock", Some(at + 1), 0.85));
    }
    super::versions::claim_tools(app, draft, &["ruby"]);
}
