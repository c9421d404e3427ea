"""Providers that speak OpenAI's protocols under a host of their own: a table, and the rows made from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from llmreplay.core.api import Api, ErrorReply, Provider
from llmreplay.core.model import Answer
from llmreplay.core.streams import Event
from llmreplay.providers import compatible_errors, mistral_errors
from llmreplay.providers import openai_chat as chat
from llmreplay.providers import openai_embeddings as embeddings
from llmreplay.providers.anthropic import MESSAGES
from llmreplay.providers.openai import CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES
from llmreplay.providers.openai_chat_replies import OPENAI, ChatForm, build_response
from llmreplay.providers.openai_errors import chat_error_event, error_reply
from llmreplay.providers.plain_rows import borrowed_row, plain_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Imitation:
    """A provider that serves OpenAI's endpoints.

    Attributes:
        name: Of the provider.
        hosts: Patterns of its host names.
        source: Where its address and endpoints are documented, with the day they were read.
        key: Environment variable of its key, with a placeholder; None if its clients read none.
        prefix: Pattern of what stands before `/chat/completions` in a path.
        ends: Says which event ends a chat stream.
        error_reply: Builds its errors; OpenAI's where nothing else is known.
        error_event: Builds the error of a chat stream.
        form: What its chat has in another form than OpenAI's.
        chats: Further endpoints that answer as its chat does: name, and end of the path.
        embeddings_have_id: Whether the body of embeddings has an id.
        messages: Pattern of the path under which it serves Anthropic's Messages; None if it does not.
    """

    name: str
    hosts: tuple[str, ...]
    source: str
    key: tuple[str, str] | None = None
    prefix: str = "/v1"
    ends: Callable[[Event], bool] = chat.is_terminal
    error_reply: Callable[[int, str | None], ErrorReply] = error_reply
    error_event: Callable[[int], bytes] = chat_error_event
    form: ChatForm = OPENAI
    chats: tuple[tuple[str, str], ...] = ()
    embeddings_have_id: bool = False
    messages: str | None = None


_CORPUS = "addresses of recorded exchanges (read 2026-11-21)"
# So end all recorded streams of those with this form that were not asked for usage, but one of Together's
# (read 2026-11-30).
_ENDS_WITH_USAGE = ChatForm(ends_with_usage=True)

IMITATIONS = (
    Imitation(
        name="azure",
        hosts=("*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com"),
        source=f"openai/lib/azure.py of openai 3.52.0; {_CORPUS}",
        key=("AZURE_OPENAI_API_KEY", "placeholder-azure-openai"),
        prefix="(?:/openai/deployments/[^/]+|/openai/v1|/openai|/models|)",
        messages="/anthropic/v1/messages",
        error_reply=compatible_errors.azure,
    ),
    Imitation(
        name="groq",
        hosts=("api.groq.com",),
        source=f"groq 1.7.0; {_CORPUS}",
        key=("GROQ_API_KEY", "gsk_placeholder"),
        prefix="/openai/v1",
        form=ChatForm(has_refusal=False, ends_with_usage=True, usage_copy="x_groq"),
        error_reply=compatible_errors.groq,
    ),
    Imitation(
        name="deepseek",
        hosts=("api.deepseek.com",),
        source=_CORPUS,
        key=("DEEPSEEK_API_KEY", "placeholder-deepseek"),
        prefix="(?:/v1|/beta|)",
        messages="/anthropic/v1/messages",
        form=_ENDS_WITH_USAGE,
        error_reply=compatible_errors.deepseek,
    ),
    Imitation(
        name="xai",
        hosts=("api.x.ai", "*.api.x.ai"),
        source=_CORPUS,
        key=("XAI_API_KEY", "xai-placeholder"),
        error_reply=compatible_errors.xai,
    ),
    Imitation(
        name="openrouter",
        hosts=("openrouter.ai",),
        source=_CORPUS,
        key=("OPENROUTER_API_KEY", "placeholder-openrouter"),
        prefix="/api/v1",
        messages="/api/v1/messages",
        form=_ENDS_WITH_USAGE,
        error_reply=compatible_errors.openrouter,
    ),
    Imitation(
        name="together",
        hosts=("api.together.xyz", "api.together.ai"),
        source=_CORPUS,
        key=("TOGETHER_API_KEY", "placeholder-together"),
        form=_ENDS_WITH_USAGE,
    ),
    Imitation(
        name="perplexity",
        hosts=("api.perplexity.ai",),
        source=f"8 of 8 streams end without [DONE]; {_CORPUS}",
        key=("PERPLEXITY_API_KEY", "pplx-placeholder"),
        prefix="(?:/v1|)",
        ends=chat.is_last_choice,
        form=_ENDS_WITH_USAGE,
        error_reply=compatible_errors.perplexity,
    ),
    Imitation(
        name="cerebras",
        hosts=("api.cerebras.ai",),
        source=_CORPUS,
        key=("CEREBRAS_API_KEY", "csk-placeholder"),
        error_reply=compatible_errors.cerebras,
    ),
    Imitation(
        name="huggingface",
        hosts=("router.huggingface.co", "api-inference.huggingface.co", "*.endpoints.huggingface.cloud"),
        source=_CORPUS,
        key=("HF_TOKEN", ""),
        prefix=".*",
        error_reply=compatible_errors.huggingface,
    ),
    Imitation(
        name="github-copilot",
        hosts=("api.githubcopilot.com", "api.*.githubcopilot.com", "models.github.ai"),
        source=_CORPUS,
        key=("GITHUB_COPILOT_API_KEY", "placeholder-github-copilot"),
        prefix="(?:/inference|/v1|)",
    ),
    Imitation(
        name="mistral",
        hosts=("api.mistral.ai", "codestral.mistral.ai"),
        source=f"mistralai 3.7.0; {_CORPUS}",
        key=("MISTRAL_API_KEY", "placeholder-mistral"),
        error_reply=mistral_errors.error_reply,
        error_event=mistral_errors.error_event,
        # Its SDK refuses a part of a call without a name, and embeddings without an id.
        form=ChatForm(has_refusal=False, has_whole_calls=True, ends_with_usage=True),
        chats=(("fim.completions", "fim/completions"),),
        embeddings_have_id=True,
    ),
    Imitation(
        name="bedrock-mantle",
        hosts=("bedrock-mantle.*.api.aws",),
        source=_CORPUS,
        prefix="(?:/openai)?/v1",
    ),
    Imitation(
        name="openai-codex",
        hosts=("chatgpt.com",),
        source=_CORPUS,
        prefix="/backend-api/codex",
        error_reply=compatible_errors.openai_codex,
    ),
    Imitation(
        name="vercel-gateway",
        hosts=("ai-gateway.vercel.sh",),
        source=_CORPUS,
        key=("AI_GATEWAY_API_KEY", "placeholder-ai-gateway"),
    ),
    Imitation(
        name="zai",
        hosts=("api.z.ai", "open.bigmodel.cn"),
        source=_CORPUS,
        key=("ZAI_API_KEY", "placeholder-zai"),
        prefix="/api/(?:coding/)?paas/v4",
        messages="/api/anthropic/v1/messages",
        error_reply=compatible_errors.zai,
    ),
    Imitation(
        name="fireworks",
        hosts=("api.fireworks.ai",),
        source="https://docs.fireworks.ai/api-reference, as known 2026-11-21",
        key=("FIREWORKS_API_KEY", "fw_placeholder"),
        prefix="/inference/v1",
    ),
    Imitation(
        name="moonshot",
        hosts=("api.moonshot.ai", "api.moonshot.cn"),
        source="https://platform.moonshot.ai/docs, as known 2026-11-21",
        key=("MOONSHOT_API_KEY", "placeholder-moonshot"),
        messages="/anthropic/v1/messages",
    ),
    Imitation(
        name="snowflake",
        hosts=("*.snowflakecomputing.com",),
        source=_CORPUS,
        prefix="/api/v2/cortex/v1",
    ),
    Imitation(
        name="databricks",
        hosts=("*.databricks.com", "*.azuredatabricks.net"),
        source=_CORPUS,
        key=("DATABRICKS_TOKEN", "dapi-placeholder"),
        prefix="/serving-endpoints",
        error_reply=compatible_errors.databricks,
    ),
    Imitation(name="ai21", hosts=("api.ai21.com",), source=_CORPUS, prefix="/studio/v1", form=_ENDS_WITH_USAGE),
)


def _answer_until(ends: Callable[[Event], bool], events: Sequence[Event]) -> Answer:
    return chat.answer_from_stream(events, ends)


def provider_of(imitation: Imitation) -> Provider:
    """Make the rows of a provider that imitates OpenAI's chat, responses and embeddings.

    They are not looked for on stand-in hosts, where nothing tells them from OpenAI's own.
    """
    name, prefix = imitation.name, imitation.prefix

    def row(model: Api, endpoint: str, end: str) -> Api:
        borrowed = borrowed_row(model, f"{name}.{endpoint}", imitation.hosts, f"{prefix}/{end}", imitation.source)
        return replace(borrowed, error_reply=imitation.error_reply)

    def streamed(model: Api, endpoint: str, end: str) -> Api:
        return replace(
            row(model, endpoint, end),
            is_terminal=imitation.ends,
            answer_from_events=partial(_answer_until, imitation.ends),
            error_event=imitation.error_event,
        )

    chat_row = replace(CHAT, build_response=partial(build_response, form=imitation.form))
    embeddings_row = replace(
        EMBEDDINGS, build_response=partial(embeddings.build_response, has_id=imitation.embeddings_have_id)
    )
    rows = [
        *(streamed(chat_row, *names) for names in (("chat.completions", "chat/completions"), *imitation.chats)),
        streamed(COMPLETIONS, "completions", "completions"),
        row(RESPONSES, "responses", "responses"),
        row(embeddings_row, "embeddings", "embeddings"),
        *plain_rows(
            name,
            imitation.hosts,
            imitation.source,
            (("models.list", "GET", f"{prefix}/models"),),
            error_reply=imitation.error_reply,
            is_charged=False,
        ),
    ]
    if imitation.messages:
        rows.append(borrowed_row(MESSAGES, f"{name}.messages", imitation.hosts, imitation.messages, imitation.source))
    return Provider(
        name=name,
        apis=tuple(rows),
        key_variables=(imitation.key,) if imitation.key else (),
        hosts=imitation.hosts,
    )


PROVIDERS = tuple(provider_of(imitation) for imitation in IMITATIONS)
