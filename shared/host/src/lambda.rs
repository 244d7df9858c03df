//! The same router as an AWS Lambda function behind a function URL.

use axum::Router;

/// Serves invocations for as long as the runtime asks. For when `AWS_LAMBDA_RUNTIME_API` is set.
pub async fn run(router: Router) -> Result<(), lambda_http::Error> {
    lambda_http::run(router).await
}
