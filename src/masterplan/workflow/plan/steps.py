"""Plan with a small model: an outline, a detail for each module, a frame, each constrained.

Owns the order of the questions. The answers are put together in ``assemble``; what the gate then
complains of is handed back to the question it belongs to. Must not know providers or the ledger.
"""

from __future__ import annotations

from masterplan.core.errors import Problem
from masterplan.core.money import Spend
from masterplan.workflow.agent import Answer, Asker, Question
from masterplan.workflow.brief import Brief
from masterplan.workflow.plan.assemble import assemble
from masterplan.workflow.plan.draft import Draft, draft_of
from masterplan.workflow.plan.ground import Ground
from masterplan.workflow.plan.outline import (
    Detail,
    Frame,
    Outline,
    OutlineModule,
    check_detail,
    check_outline,
    function_name,
)
from masterplan.workflow.progress import Event, Listener
from masterplan.workflow.prompt import prompt

TEMPERATURE = 0.4
"""Well above zero, so that a second answer to the same complaint can differ."""


class StepPlanner:
    """Asks a small model step by step."""

    def __init__(self, asker: Asker, listener: Listener) -> None:
        self._asker, self._listener = asker, listener
        self._answers: list[Answer[object]] = []

    async def draft(self, brief: Brief, ground: Ground, complaints: tuple[Problem, ...]) -> Draft:
        """Return a drafted spec; ``complaints`` are the gate's about the draft before."""
        said = "\n".join(f"- {problem}" for problem in complaints)
        outline = await self._outline(brief, ground.tree, said)
        details = {m.id: await self._detail(brief, m) for m in outline.modules}
        frame = await self._frame(brief, outline)
        spec = assemble(brief, outline, details, frame, ground)
        return draft_of(spec, self._answers)

    async def _outline(self, brief: Brief, tree: tuple[str, ...], said: str) -> Outline:
        text = prompt("plan_outline", brief=brief.numbered, tree=tree)
        if said:
            text += f"\n\nYour last plan was refused. Mend exactly this:\n{said}"
        question = self._question(text, 1_200, retries=6)

        def check(outline: Outline) -> None:
            check_outline(outline, brief)

        self._tell("the outline")
        answer = await self._asker.model(question, Outline, check)
        self._answers.append(answer)
        return answer.output

    async def _detail(self, brief: Brief, module: OutlineModule) -> Detail:
        names = [function_name(text) or text for text in module.functions]
        text = prompt(
            "plan_detail",
            brief=brief.numbered,
            module=module,
            name=names[0],
            functions=", ".join(f"`{text}`" for text in module.functions),
        )

        def check(detail: Detail) -> None:
            check_detail(detail, module, brief)

        self._tell(f"module {module.id}")
        answer = await self._asker.model(self._question(text, 600, retries=4), Detail, check)
        self._answers.append(answer)
        return answer.output

    async def _frame(self, brief: Brief, outline: Outline) -> Frame:
        edges = [f"{m.id} calls {other}" for m in outline.modules for other in m.depends_on]
        text = prompt(
            "plan_frame",
            brief=brief.numbered,
            ids=", ".join(m.id for m in outline.modules),
            edges="; ".join(edges) or "there may be none",
        )
        self._tell("rules and data flow")
        answer = await self._asker.model(self._question(text, 300), Frame)
        self._answers.append(answer)
        return answer.output

    def _question(self, text: str, max_output_tokens: int, retries: int = 2) -> Question:
        return Question(prompt("planner"), text, max_output_tokens, TEMPERATURE, retries)

    def _tell(self, text: str) -> None:
        spend = Spend()
        for answer in self._answers:
            spend = spend.merged(answer.spend)
        self._listener(Event("planning", text, spend=spend))
