"""What a question about a file says, in words."""

from interp_gui.core.opening import Candidate, OpenQuestion

_LONG = 100


def shape_text(shape: tuple[int, ...]) -> str:
    """`64 × 3 × 7 × 7`."""
    return " × ".join(map(str, shape)) or "one number"


def detail_of(candidate: Candidate) -> list[str]:
    """What is known of a candidate, a sentence a line."""
    same = ", ".join(candidate.same)
    return [
        *([f"The same as {same}: they answer alike."] if same else []),
        *(
            [f"Differs from the first: {'; '.join(candidate.differs)}."]
            if candidate.differs
            else []
        ),
        *([f"It sees an image as {candidate.input}."] if candidate.input else []),
        *([f"{sentence_of(candidate.why).rstrip('.')}."] if candidate.why else []),
        *(
            []
            if candidate.certain
            else ["Only order and shapes of its tensors agree: equal ones may be exchanged."]
        ),
    ]


def sentence_of(text: str) -> str:
    """With a capital, but for names that are written small."""
    first = text.partition(" ")[0]
    return text if any(each in first for each in "'_:.") else text[:1].upper() + text[1:]


def network_of(candidate: Candidate) -> str:
    """Its name, and how many answer as it does."""
    others = f" and {len(candidate.same)} alike" if candidate.same else ""
    return f"{candidate.name}{others}{'' if candidate.certain else ' (uncertain)'}"


def heading_of(question: OpenQuestion) -> str:
    """What is asked."""
    if question.head is not None and not question.candidates:
        return f"What is the head of '{question.file}' made of?"
    if question.candidates and all(each.certain for each in question.candidates):
        return f"Which network is '{question.file}'?"
    counts = question.nearest and len(question.sentence) > _LONG  # which the tree shows
    if question.sentence and not counts:
        return question.sentence
    if question.candidates:
        return f"Is '{question.file}' one of these networks?"
    if len(question.weights) > 1 and not question.nearest:
        return f"Which weights of '{question.file}' are to be opened?"
    return f"'{question.file}' fits no known network."


def explanation_of(question: OpenQuestion) -> str:
    """Why it is asked."""
    if question.candidates and not all(each.certain for each in question.candidates):
        return (
            "Tensors of the same shape may have changed places, which nothing would show. Choose "
            "one only if you know that it is that network. What you choose is remembered for "
            "these weights."
        )
    if question.candidates:
        head = (
            " Its head was changed too: say below what stood between its layers."
            if question.head is not None
            else ""
        )
        return (
            "These networks take exactly the same tensors, without complaint, and answer "
            "differently. Names and shapes cannot tell which one was trained; whoever trained it "
            f"knows, or labelled images that are open may tell.{head} "
            "What you choose is remembered for these weights."
        )
    if question.head is not None:
        known = question.choice.architecture
        return (
            f"It is {known} with a head of its own, of which some layers leave no trace in a file. "
            if known
            else "The head was changed, and some of its layers leave no trace in a file. "
        ) + ("What you choose is remembered for these weights.")
    if len(question.weights) > 1:
        return "The file holds several sets, such as the last weights and their running average."
    return (
        "Nothing was opened, because a wrong or partial match would show another network's answers."
        f" {question.hint or 'A Python file that defines the network opens it, if you have one.'}"
    )


def lines_of(question: OpenQuestion) -> list[str]:
    """All of a question as text, to be copied."""
    lines = [heading_of(question), f"weights {question.weights_sha256}"]
    for each in question.candidates:
        lines.append(f"- {each.name}: {'; '.join(each.differs) or 'first'} ({each.why})")
    for report in question.nearest:
        lines.append(f"{report.library}:{report.architecture}, {report.likeness:.1%} agree")
        lines += [f"  missing {key}" for key in report.missing]
        lines += [f"  unexpected {key}" for key in report.unexpected]
        lines += [
            f"  {r.key}: {shape_text(r.found)}, expected {shape_text(r.expected)}"
            for r in report.reshaped
        ]
    return lines
