"""Traffic of LLM applications that belongs to no provider: telemetry, downloads, token endpoints, common secrets.

Sources: the addresses that openai-agents 0.24.0, litellm 1.109.1 and tiktoken call by themselves; OpenTelemetry's
OTLP paths, https://opentelemetry.io/docs/specs/otlp/#otlphttp-request; documentation of the named services, as
known 2026-11-21; huggingface_hub as litellm 1.109 uses it, seen 2026-11-30.
"""

from __future__ import annotations

SIDE_PATHS = (
    # litellm fetches its price map when it is imported.
    "raw.githubusercontent.com/BerriAI/litellm/*",
    "raw.githubusercontent.com/pydantic/genai-prices/*",
    # Tokenizers, which litellm asks for once a process and does without; huggingface_hub tells on whom it works for.
    "huggingface.co/*/resolve/*",
    "huggingface.co/api/agent-harnesses",
    # OpenTelemetry collectors. Metrics and logs go by host: their paths are anybody's.
    "*/v1/traces",
    "*/otlp/v1/*",
    "otlp*/*",
    "otel*/*",
    "api.smith.langchain.com/*",
    "*.api.smith.langchain.com/*",
    "*.posthog.com/*",
    "*.langfuse.com/*",
    "logfire-api.pydantic.dev/*",
    "logfire-*.pydantic.dev/*",
    "api.traceloop.com/*",
    "api.agentops.ai/*",
    "*.ingest.sentry.io/*",
    "*.ingest.us.sentry.io/*",
    "*.ingest.de.sentry.io/*",
    "api.segment.io/*",
    "*.mixpanel.com/*",
    "api.honeycomb.io/*",
    "http-intake.logs.*",
    "*.scarf.sh/*",
    "telemetry.crewai.com/*",
)

CREDENTIAL_PATHS = (
    "oauth2.googleapis.com/token",
    "sts.googleapis.com/*",
    "iamcredentials.googleapis.com/*",
    "accounts.google.com/o/oauth2/*",
    "metadata.google.internal/*",
    "metadata.google.internal./*",
    "169.254.169.254/*",
    "169.254.170.2/*",
    "169.254.170.23/*",
    "sts.amazonaws.com/*",
    "sts.*.amazonaws.com/*",
    "*.sts.*.amazonaws.com/*",
    "oidc.*.amazonaws.com/*",
    "portal.sso.*.amazonaws.com/*",
    "cognito-identity.*.amazonaws.com/*",
    "login.microsoftonline.com/*/oauth2/*",
    "login.microsoftonline.com/*/.well-known/openid-configuration",
    "login.microsoftonline.com/common/discovery/*",
    "iam.cloud.ibm.com/identity/token",
    "api.github.com/copilot_internal/v2/token",
    "auth.openai.com/oauth/token",
)

SECRET_HEADERS = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "api-key",
    "x-api-key",
    "x-auth-token",
    "x-access-token",
    "x-amz-security-token",
    "x-goog-api-key",
    "x-goog-user-project",
    "ocp-apim-subscription-key",
    "cf-access-client-id",
    "cf-access-client-secret",
    "helicone-auth",
    "x-portkey-api-key",
    "x-litellm-api-key",
)
