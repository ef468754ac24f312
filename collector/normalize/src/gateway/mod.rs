//! Access logs of gateways and meshes.

mod fields;
mod pattern;
#[cfg(test)]
mod testing;

pub mod aws_api_gateway;
pub mod caddy;
pub mod envoy;
pub mod kong;
pub mod linkerd;
pub mod traefik_json;

#[cfg(test)]
mod tests {
    use super::{testing::refusal, *};
    use crate::{
        format::{FormatOptions, LineReason},
        record::Output,
    };

    /// Detection tries formats one by one, so each must refuse the lines of the others.
    #[test]
    fn json_of_one_product_is_refused_by_the_formats_of_the_others() {
        let plain = FormatOptions::default();
        let formats = [
            (
                envoy::envoy(&plain),
                r#"{"start_time":"2026-03-01T10:00:00Z","method":"GET","path":"/","response_code":200,"response_flags":"-","duration":3,"upstream_host":"10.0.0.9:80","request_id":"a"}"#,
            ),
            (
                linkerd::linkerd(&plain),
                r#"{"client.addr":"10.2.0.5:41604","client.id":"-","method":"GET","uri":"/","host":"cart","status":200,"timestamp":"2026-03-01T10:00:00Z","total_ns":"5","user_agent":"","version":"HTTP/1.1"}"#,
            ),
            (
                kong::kong(&plain),
                r#"{"latencies":{"request":3},"request":{"method":"GET","uri":"/"},"response":{"status":200},"client_ip":"10.0.0.1","started_at":1772359200310}"#,
            ),
            (
                aws_api_gateway::aws_api_gateway(&plain),
                r#"{"requestId":"a","ip":"10.0.0.1","requestTime":"01/Mar/2026:10:00:00 +0000","httpMethod":"GET","resourcePath":"/","status":"200","responseLength":"4"}"#,
            ),
            (
                traefik_json::traefik_json(&plain),
                r#"{"StartUTC":"2026-03-01T10:00:00Z","Duration":5,"DownstreamStatus":200,"RequestMethod":"GET","RequestPath":"/","RequestHost":"a","level":"info","msg":"","time":"2026-03-01T10:00:00Z"}"#,
            ),
            (
                caddy::caddy(&plain),
                r#"{"level":"info","ts":1772359200.31,"logger":"http.log.access","msg":"handled request","request":{"method":"GET","uri":"/"},"duration":0.1,"size":1,"status":200}"#,
            ),
        ];
        let application = r#"{"level":30,"time":1772359200310,"pid":1,"hostname":"a","requestId":"r","method":"GET","url":"/","status":200,"duration":3,"msg":"request completed"}"#;
        for (position, (format, line)) in formats.iter().enumerate() {
            let format = format.as_ref().unwrap();
            let mut output = Output::default();
            format.parse(line, &testing::context(None), &mut output).unwrap();
            assert_eq!((output.requests.len(), output.logs.len()), (1, 0), "{}", format.name());
            let others = formats.iter().enumerate().filter(|(other, _)| *other != position).map(|(_, (_, line))| *line);
            for line in others.chain([application]) {
                assert_eq!(refusal(&**format, line), LineReason::Format, "{}: {line}", format.name());
            }
        }
    }
}
