//! What errors look like in the languages of the shop.

use opentelemetry_proto::tonic::trace::v1::span::Event;

use super::{attributes::Attributes, breakers};
use crate::{outcome::Fault, topology::Language};

/// `error.type` of a request that got no answer.
pub(super) fn unanswered(language: Language, fault: Fault) -> &'static str {
    match (fault, language) {
        (Fault::NotPermitted | Fault::Bulkhead, _) => breakers::error_type(language, fault),
        (Fault::Refused, Language::Java) => "java.net.ConnectException",
        (Fault::Refused, Language::Python) => "requests.exceptions.ConnectionError",
        (Fault::Refused, _) => "ECONNREFUSED",
        (_, Language::Java) => "java.net.SocketTimeoutException",
        (_, Language::Python) => "requests.exceptions.ReadTimeout",
        (_, Language::Dotnet) => "System.TimeoutException",
        (_, Language::Node) => "ETIMEDOUT",
        (_, Language::Cpp | Language::Go) => "timeout",
    }
}

/// The class of the exception that ends work with `fault`, if it ends with one.
pub(super) fn exception_type(language: Language, fault: Fault) -> Option<&'static str> {
    let name = match (fault, language) {
        (Fault::Internal, Language::Java) => "java.lang.IllegalStateException",
        (Fault::Internal, Language::Python) => "ValueError",
        (Fault::Internal, Language::Dotnet) => "System.InvalidOperationException",
        (Fault::Internal, Language::Node) => "TypeError",
        (Fault::Internal, Language::Go) => "*errors.errorString",
        (Fault::Timeout, Language::Java) => "java.util.concurrent.TimeoutException",
        (Fault::Timeout, Language::Python) => "asyncio.exceptions.TimeoutError",
        (Fault::Timeout, Language::Dotnet) => "System.TimeoutException",
        (Fault::Timeout, Language::Node) => "TimeoutError",
        (Fault::Timeout, Language::Go) => "context.DeadlineExceeded",
        (Fault::Timeout, Language::Cpp) => "timeout",
        _ => return None,
    };
    Some(name)
}

/// What a status or an exception says.
pub(super) fn message(language: Language, fault: Fault) -> &'static str {
    match fault {
        Fault::NotPermitted | Fault::Bulkhead => breakers::message(language, fault),
        _ => fault.message(),
    }
}

/// The event that records an exception.
pub(super) fn exception(language: Language, class: &str, fault: Fault, time: i64) -> Event {
    let message = message(language, fault);
    let mut attributes = Attributes::new();
    attributes
        .text("exception.type", class)
        .text("exception.message", message)
        .text("exception.stacktrace", stack_trace(language, class, message));
    Event {
        time_unix_nano: time as u64,
        name: "exception".to_owned(),
        attributes: attributes.finish(),
        dropped_attributes_count: 0,
    }
}

fn stack_trace(language: Language, class: &str, message: &str) -> String {
    match language {
        Language::Java => format!(
            "{class}: {message}\n\tat example.shop.core.Handler.handle(Handler.java:118)\n\tat \
             example.shop.core.Pipeline.run(Pipeline.java:64)\n\tat java.base/java.lang.Thread.run(Thread.java:1583)"
        ),
        Language::Python => format!(
            "Traceback (most recent call last):\n  File \"/srv/shop/app.py\", line 88, in handle\n    return \
             step(request)\n{class}: {message}"
        ),
        Language::Node => format!(
            "{class}: {message}\n    at handle (/srv/shop/dist/handler.js:41:13)\n    at process.processTicksAndRejections \
             (node:internal/process/task_queues:105:5)"
        ),
        Language::Dotnet => {
            format!("{class}: {message}\n   at Shop.Core.Handler.HandleAsync() in /src/Handler.cs:line 57")
        }
        Language::Go | Language::Cpp => {
            format!("{class}: {message}\nshop/core.(*Handler).Handle\n\t/src/core/handler.go:93")
        }
    }
}
