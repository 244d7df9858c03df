//! PHP: Composer's manifest, Laravel, Symfony, or a plain `index.php`.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

pub(super) fn detect(app: &App) -> Option<Origin> {
    let manifest = app.has("composer.json").then(|| app.origin("composer.json", None, 0.95));
    manifest
        .or_else(|| app.first(&["index.php", "public/index.php"]).map(|name| app.origin(name, None, 0.95)))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    if let Some(content) = app.text("composer.json") {
        let json = text::json(&content).unwrap_or_default();
        let requires =
            |name: &str| json.get("require").and_then(|require| require.get(name)).and_then(|v| v.as_str());
        let origin = |key: &str, confidence| {
            app.origin("composer.json", text::json_key_line(&content, key), confidence)
        };
        draft.claim(Field::PackageManager, "composer", origin("name", 0.95));
        let frameworks = [
            ("laravel/framework", "laravel"),
            ("symfony/framework-bundle", "symfony"),
            ("slim/slim", "slim"),
            ("cakephp/cakephp", "cakephp"),
            ("codeigniter4/framework", "codeigniter"),
            ("yiisoft/yii2", "yii"),
            ("laminas/laminas-mvc", "laminas"),
            ("drupal/core-recommended", "drupal"),
            ("drupal/core", "drupal"),
            ("roots/wordpress", "wordpress"),
            ("statamic/cms", "statamic"),
        ];
        if let Some((key, name)) = frameworks.into_iter().find(|(key, _)| requires(key).is_some()) {
            draft.claim(Field::Framework, name, origin(key, 0.95));
        }
        if draft.report.framework.as_deref() == Some("laravel") {
            claim_laravel(app, draft);
        }
        let pinned = json.pointer("/config/platform/php").and_then(|version| version.as_str());
        super::versions::claim_file(app, draft, ".php-version");
        super::versions::claim_tools(app, draft, &["php"]);
        if let Some(version) = pinned {
            draft.claim(Field::RuntimeVersion, version, origin("platform", 0.9));
        }
        if let Some(version) = requires("php") {
            draft.claim(Field::RuntimeVersion, version, origin("php", 0.9));
        }
        let install =
            "composer install --no-dev --no-interaction --optimize-autoloader --ignore-platform-reqs";
        draft.claim(Field::Install, app.command(install), origin("require", 0.9));
    }
    super::versions::claim_file(app, draft, ".php-version");
    super::versions::claim_tools(app, draft, &["php"]);
    if app.has("wp-config.php") || app.has("wp-config-sample.php") {
        draft.claim(Field::Framework, "wordpress", app.origin("wp-config-sample.php", None, 0.9));
    }
    if let Some(assets) = super::node_assets(app) {
        let build = format!("{} && {}", assets.install, assets.build);
        draft.claim(Field::Build, app.command(build), assets.origin);
    }
    let folder = ["public", "web", "webroot", "pub", "html", "."]
        .into_iter()
        .find(|folder| app.has(&format!("{folder}/index.php")) || *folder == ".");
    let folder = folder.unwrap_or(".");
    let page = if folder == "." { "index.php".to_owned() } else { format!("{folder}/index.php") };
    let start = format!("php -S 0.0.0.0:${{PORT:-80}} -t {folder}");
    let origin = app.origin(&page, None, 0.7);
    draft.claim(Field::Start, app.command(start), origin.clone());
    draft.claim_port(80, Origin { confidence: 0.5, ..origin });
}

/// `health: '/up'` of `bootstrap/app.php`.
fn claim_laravel(app: &App, draft: &mut Draft) {
    const FILE: &str = "bootstrap/app.php";
    let content = app.text(FILE).unwrap_or_default();
    if let Some((before, rest)) = content.split_once("health:")
        && let Some(path) = rest.split(['"', '\'']).nth(1).filter(|path| path.starts_with('/'))
    {
        let line = text::line_at(&content, before.len());
        draft.claim(Field::HealthPath, path, app.origin(FILE, Some(line), 0.95));
    }
}
