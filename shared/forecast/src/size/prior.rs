//! Starting points by framework, before anything was measured.
//!
//! Invariant: a framework that is not in the table gets its language's row, a language that is not gets `unknown`;
//! there is always an answer.

/// What an app of one kind is assumed to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prior {
    /// Framework or language, in lower case.
    pub class: &'static str,
    /// vCPU in thousandths.
    pub cpu_milli: u32,
    /// Memory in MiB, before Cloud Run's floor.
    pub memory_mib: u32,
    /// Requests that one instance takes at once.
    pub concurrency: u32,
    /// Time to answer a request, in milliseconds.
    pub duration_ms: u32,
    /// CPU time of a request, in milliseconds.
    pub cpu_ms: u32,
    /// Memory that it really keeps, in MiB.
    pub working_set_mib: u32,
    /// Dollars a month as the product first promised them for 100,000 requests, in micro-dollars; not what the price
    /// list gives.
    pub promised_micros: Option<i64>,
}

const fn row(
    class: &'static str,
    shape: (u32, u32, u32),
    behaviour: (u32, u32, u32),
    promised_micros: Option<i64>,
) -> Prior {
    let (cpu_milli, memory_mib, concurrency) = shape;
    let (duration_ms, cpu_ms, working_set_mib) = behaviour;
    Prior { class, cpu_milli, memory_mib, concurrency, duration_ms, cpu_ms, working_set_mib, promised_micros }
}

/// The table. Shapes of FastAPI, Express, Django, Next.js, Go and Rust are the product's promise; the other shapes
/// and all behaviours are assumptions of ours, there to be corrected by learning.
pub const PRIORS: &[Prior] = &[
    row("unknown", (1000, 512, 80), (150, 40, 200), None),
    row("static", (1000, 128, 250), (20, 2, 40), None),
    row("node", (1000, 512, 100), (80, 20, 120), None),
    row("express", (1000, 512, 100), (60, 15, 100), Some(12_500_000)),
    row("fastify", (1000, 512, 150), (40, 10, 100), None),
    row("nest", (1000, 512, 100), (80, 25, 160), None),
    row("next", (2000, 1024, 60), (150, 60, 350), Some(25_000_000)),
    row("nuxt", (2000, 1024, 60), (150, 60, 350), None),
    row("vite", (1000, 256, 200), (25, 3, 90), None),
    row("deno", (1000, 512, 100), (60, 15, 110), None),
    row("bun", (1000, 512, 100), (50, 12, 110), None),
    row("python", (1000, 512, 80), (120, 40, 120), None),
    row("fastapi", (1000, 512, 100), (80, 25, 130), Some(12_500_000)),
    row("flask", (1000, 512, 60), (120, 40, 120), None),
    row("django", (2000, 1024, 40), (150, 60, 250), Some(28_000_000)),
    row("streamlit", (2000, 1024, 20), (400, 200, 450), None),
    row("rust", (1000, 128, 300), (20, 3, 30), Some(6_500_000)),
    row("axum", (1000, 128, 300), (15, 2, 25), Some(6_500_000)),
    row("actix", (1000, 128, 300), (15, 2, 25), Some(6_500_000)),
    row("go", (1000, 256, 200), (25, 5, 45), Some(8_000_000)),
    row("gin", (1000, 256, 200), (25, 5, 45), Some(8_000_000)),
    row("java", (2000, 1024, 80), (100, 30, 450), None),
    row("spring", (2000, 1024, 80), (100, 35, 550), None),
    row("quarkus", (1000, 512, 100), (70, 20, 250), None),
    row("ruby", (1000, 512, 40), (140, 50, 220), None),
    row("rails", (2000, 1024, 30), (180, 70, 400), None),
    row("php", (1000, 512, 40), (120, 40, 110), None),
    row("laravel", (1000, 512, 40), (160, 60, 160), None),
    row("dotnet", (1000, 512, 120), (60, 15, 180), None),
    row("elixir", (1000, 512, 200), (40, 12, 160), None),
    row("phoenix", (1000, 512, 200), (40, 12, 180), None),
    row("gleam", (1000, 512, 200), (40, 12, 140), None),
    row("cpp", (1000, 128, 200), (20, 4, 30), None),
    row("shell", (1000, 128, 10), (200, 80, 30), None),
];

/// The row for `class`: a framework (`fastapi`), a language (`python`), or both (`python/fastapi`), in any case.
pub fn prior(class: &str) -> &'static Prior {
    let class = class.trim().to_ascii_lowercase();
    class.rsplit('/').find_map(find).unwrap_or(&PRIORS[0])
}

fn find(name: &str) -> Option<&'static Prior> {
    let name = canonical(name.trim());
    PRIORS.iter().find(|row| row.class == name)
}

/// Other spellings of the same thing.
fn canonical(name: &str) -> &str {
    match name {
        "next.js" | "nextjs" => "next",
        "nuxt.js" | "nuxtjs" => "nuxt",
        "nestjs" | "nest.js" => "nest",
        "express.js" | "expressjs" => "express",
        "actix-web" | "actix_web" => "actix",
        "staticfile" | "html" => "static",
        "spring-boot" | "springboot" | "spring boot" => "spring",
        "golang" => "go",
        "nodejs" | "node.js" => "node",
        "ruby-on-rails" | "ruby on rails" => "rails",
        "aspnet" | "asp.net" | "csharp" => "dotnet",
        "c++" | "c" => "cpp",
        other => other,
    }
}
