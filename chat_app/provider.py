"""Language models of providers, through pydantic-ai's model layer: the only file that imports it.

The library speaks each provider's protocol. The loop over tools, their confirmations and what is stored are
ours (chat_app/turns/), because here a step must be carried out once, whatever dies. It takes 50 MB and some
seconds to import, so this file is imported at the first turn (docs/decisions/0038-the-assistant.md).
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from pydantic import ValidationError
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, create_async_httpx2_client
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from chat_app.language_models import (
    Answer,
    AnswerCut,
    AnswerWithheld,
    Line,
    ModelBusy,
    ModelRefusesUs,
    ModelUnavailable,
    Prompt,
    ToolCall,
    storable,
)

log = structlog.get_logger(__name__)

# The version of what we store of an answer.
_STATE = "pydantic-ai-2"


class ProviderModel:
    """Belongs to one event loop, in which it was first used."""

    def __init__(self, name: str) -> None:
        self.name, _, model = name.partition(":")
        # Ours, so that we can close it: the clients leave open what they were given.
        self._http = create_async_httpx2_client()
        self._model = _made(self.name, model, self._http)

    async def answer(self, prompt: Prompt) -> AsyncIterator[str | Answer]:
        """As LanguageModel.answer."""
        tools = [
            ToolDefinition(name=tool.name, parameters_json_schema=tool.schema, description=tool.description)
            for tool in prompt.tools
        ]
        parameters = ModelRequestParameters(function_tools=tools, allow_text_output=True)
        messages = self._messages(prompt.lines)
        messages[-1] = replace(messages[-1], instructions=prompt.instructions)
        request = model_request_stream(
            self._model, messages, model_settings=_settings(), model_request_parameters=parameters
        )
        try:
            async with request as stream:
                async for event in stream:
                    if text := _text(event):
                        yield text
                response = stream.get()
        except Exception as error:
            raise _unavailable(error) from error
        yield self._whole(response)

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._http.aclose()

    def _whole(self, response: ModelResponse) -> Answer:
        """The answer, if it is one. Raises ModelUnavailable for what is half of one, or none."""
        said = (response.provider_details or {}).get("finish_reason")
        if not said or response.state != "complete":
            # The library takes a stream that just ends for a finished one.
            raise AnswerCut
        if response.finish_reason == "content_filter":
            raise AnswerWithheld
        if response.finish_reason not in ("stop", "tool_call"):
            raise AnswerCut
        parts = [
            replace(part, tool_call_id=f"call_{uuid4().hex}") if isinstance(part, ToolCallPart) else part
            for part in response.parts
        ]
        response = replace(response, parts=parts)
        calls = [
            ToolCall(part.tool_call_id, storable(part.tool_name), storable(_arguments(part.args)))
            for part in parts
            if isinstance(part, ToolCallPart)
        ]
        text = storable("".join(part.content for part in parts if isinstance(part, TextPart)).strip())
        if not (text or calls):
            raise AnswerCut
        (stored,) = ModelMessagesTypeAdapter.dump_python([response], mode="json")
        state = {"form": _STATE, "provider": self.name, "response": storable(stored)}
        return Answer(text, calls, state, response.usage.total_tokens)

    def _messages(self, lines: Sequence[Line]) -> list[Any]:
        messages: list[ModelMessage] = []
        names = {call.id: call.name for line in lines for call in line.calls}
        for line in lines:
            if line.role == "assistant":
                messages.append(self._stored(line) or _rebuilt(line))
                continue
            part = (
                UserPromptPart(line.content)
                if line.role == "user"
                else ToolReturnPart(names.get(line.call_id, "unknown"), line.content, line.call_id)
            )
            if messages and isinstance(messages[-1], ModelRequest):
                messages[-1] = replace(messages[-1], parts=[*messages[-1].parts, part])
            else:
                messages.append(ModelRequest(parts=[part]))
        return messages

    def _stored(self, line: Line) -> ModelResponse | None:
        """The answer as this provider gave it, with what only it understands, such as thought signatures."""
        state = line.provider_state or {}
        if (state.get("form"), state.get("provider")) != (_STATE, self.name):
            return None
        try:
            (response,) = ModelMessagesTypeAdapter.validate_python([state["response"]])
        except (ValidationError, KeyError):  # of another version of the library
            return None
        return response if isinstance(response, ModelResponse) else None


def _rebuilt(line: Line) -> ModelResponse:
    text = [TextPart(line.content)] if line.content else []
    calls = [ToolCallPart(call.name, call.arguments, call.id) for call in line.calls]
    return ModelResponse(parts=[*text, *calls])


def _text(event: Any) -> str:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


def _arguments(given: Any) -> Any:
    """An object where it is one, or what the model wrote instead."""
    if given is None or given == "":
        return {}
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given


def _settings() -> ModelSettings:
    return ModelSettings(
        max_tokens=settings.ASSISTANT_ANSWER_TOKENS,
        # Of the whole request, with its retries; and of the time between two pieces of it.
        request_timeout=settings.ASSISTANT_REQUEST_SECONDS,
        timeout=settings.ASSISTANT_SILENCE_SECONDS,
        # The clients differ: OpenAI's retries twice, Google's never.
        max_retries=settings.ASSISTANT_RETRIES,
    )


def _made(provider: str, model: str, http: Any) -> Model[Any]:
    """The model with its client. What is imported depends on the provider. Raises ValueError, ImportError."""
    if provider == "google":
        from google.genai.types import HttpRetryOptions
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        retries = HttpRetryOptions(attempts=1 + settings.ASSISTANT_RETRIES, initial_delay=0.5, max_delay=4)
        return GoogleModel(
            model,
            provider=GoogleProvider(
                api_key=settings.GEMINI_API_KEY,
                base_url=settings.GEMINI_BASE_URL or None,
                http_client=http,
                retry_options=retries,
            ),
        )
    if provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        key, url = settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL or None
        return AnthropicModel(model, provider=AnthropicProvider(api_key=key, base_url=url, http_client=http))
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.ollama import OllamaProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    if provider == "ollama":
        return OpenAIChatModel(
            model, provider=OllamaProvider(base_url=settings.OLLAMA_BASE_URL, http_client=http)
        )
    if provider != "openai":
        raise ValueError(f"ASSISTANT_MODEL names the provider {provider}, which is not known.")
    # A local server often has no key, and the client insists on one.
    key, url = settings.OPENAI_API_KEY or "none", settings.OPENAI_BASE_URL or None
    return OpenAIChatModel(model, provider=OpenAIProvider(api_key=key, base_url=url, http_client=http))


def _unavailable(error: Exception) -> ModelUnavailable:
    """The API's error for one of the library's, whose texts may name the key: those are only logged."""
    kind = type(error).__name__
    log.warning("model_failed", error=kind, status=getattr(error, "status_code", None), text=str(error)[:300])
    if isinstance(error, ModelRateLimitError | ModelQuotaExceededError):
        return ModelBusy(error.retry_after)
    if isinstance(error, ModelRequestRejectedError):
        return ModelRefusesUs()
    if not isinstance(error, AgentRunError | ModelAPIError | OSError | TimeoutError):
        log.warning("model_failed_unexpectedly", exc_info=error)
    return ModelUnavailable()
