"""Which of several architectures that take a file's tensors it is opened as; or what to ask.

Architectures that no name or shape tells apart differ in padding, epsilon, activation or pooling,
and so in their answers. What decides, in this order: what was asked for; what was decided before;
the hash of a published file; what the file says of itself; that all of them compute the same;
labelled images at hand. Otherwise the user does.
"""

from collections.abc import Sequence

import msgspec
from torch import nn

from interp_gui.checkpoints.candidates import alternatives, described, uncertain
from interp_gui.checkpoints.differences import seen_otherwise
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.index import PublishedWeights, imagenet_classes
from interp_gui.checkpoints.match import (
    Decision,
    Hints,
    InFile,
    Match,
    Recognition,
    Tensors,
    Wishes,
)
from interp_gui.checkpoints.preparing import Builder, broken_sentence, mended
from interp_gui.checkpoints.probing import MOST_PROBED, Group, group
from interp_gui.checkpoints.published import Origin, find_published, origin_of
from interp_gui.checkpoints.ranking import hinted, ranked
from interp_gui.checkpoints.refusals import does_not_fit, does_not_fit_asked, named_as
from interp_gui.checkpoints.scoring import Hits, clear_winner, hits, labelled_images
from interp_gui.core.choices import remember_groups, remembered_groups
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.model import Preprocessing
from interp_gui.core.opening import Candidate, OpenChoice, OpenQuestion

_IMAGENET_CLASSES = 1000
_NAMED = 4


def decide(
    recognition: Recognition,
    tensors: Tensors,
    *,
    file: CheckpointFile,
    weights_sha256: str,
    hints: Hints,
    wishes: Wishes,
    earlier: OpenChoice = OpenChoice(),
    sets: tuple[str, ...] = (),
    in_file: InFile = InFile(),
) -> Decision:
    """The architecture that a file is opened as.

    Parameters
    ----------
    tensors
        Under the file's names, floating ones as float32.
    earlier
        What was decided about these weights before; what is wished now goes before it.
    sets
        Names of the sets of weights in the file, the one at hand first.
    in_file
        What the tensors are called in the file, for refusals.

    Raises
    ------
    UnknownArchitecture
        None fits, or several do and nothing decides; its `question` says what would.
    UnknownName
        The architecture that was asked for is not known.
    """
    deciding = _Deciding(
        recognition, tensors, file, weights_sha256, hints, wishes, earlier, sets, in_file
    )
    return deciding.decide()


class _Deciding:
    """One file on its way to a decision."""

    def __init__(
        self, recognition: Recognition, tensors: Tensors, file: CheckpointFile, digest: str,
        hints: Hints, wishes: Wishes, earlier: OpenChoice, sets: tuple[str, ...], in_file: InFile,
    ) -> None:  # fmt: skip
        self.name, self.file, self.hints, self.wishes = file.path.name, file, hints, wishes
        self.tensors, self.in_file = tensors, in_file
        self.matches = ranked(recognition.matches, self.name)
        self.earlier = earlier
        asked = wishes.choice
        self.choice = msgspec.structs.replace(
            asked,
            architecture=asked.architecture or earlier.architecture,
            head=asked.head or earlier.head,
            output=asked.output or earlier.output,
        )
        self.build = Builder(tensors, self.choice.head)
        self.question = OpenQuestion(
            path=str(file.path), file=self.name, weights_sha256=digest,
            nearest=tuple(named_as(each, in_file) for each in recognition.nearest),
            weights=sets if len(sets) > 1 else (), choice=self.choice,
        )  # fmt: skip
        self.broken: tuple[str, ...] = ()
        self._origins: dict[str, Origin] = {}

    def decide(self) -> Decision:
        if self.wishes.choice.architecture:
            return self._as_asked()
        if not self.matches:
            raise does_not_fit(self.tensors, self.question, in_file=self.in_file)
        if self.earlier.architecture:
            before = self._fitting(self.earlier)
            if before:
                word = f"{before[0].library}'s {before[0].architecture.name}"
                note = f"Opened as {word}, as decided before; the Model panel or --arch changes it."
                return self._decided(before[0], (note,))
            self.choice = msgspec.structs.replace(self.choice, architecture="")
        proved = find_published(self.file, self.matches)
        if proved is not None:
            return self._decided(proved[0], proved=proved[1])
        matches = self._narrowed()
        if len(matches) == 1 and matches[0].certain:
            named = self._hint_notes(matches[0]) if len(self.matches) > 1 else ()
            return self._decided(matches[0], (*named, *self._contradiction(matches)))
        sure = [match for match in matches if match.certain]
        if not sure:
            raise self._ask_uncertain()
        groups, beyond = self._grouped(sure)
        if len(groups) == 1 and not beyond:
            narrowed = len(matches) < len(self.matches)
            named = self._hint_notes(groups[0].first.match) if narrowed else ()
            notes = (*named, *self._contradiction(matches), *self._same_notes(groups[0]))
            return self._decided(groups[0].first.match, notes, others=narrowed)
        return self._by_labels(groups, beyond)

    def _as_asked(self) -> Decision:
        fitting = self._fitting(self.wishes.choice)
        if not fitting:
            raise does_not_fit_asked(
                self.wishes.choice, self.tensors, self.question, in_file=self.in_file
            )
        match = fitting[0]
        if len(fitting) > 1:  # the same name in several libraries
            groups, _ = self._grouped(fitting)
            if len(groups) > 1:
                raise self._ask(groups, (), [])
            match = groups[0].first.match
        notes: tuple[str, ...] = ()
        if not match.certain:
            notes = (
                "Its tensors were given their places by order and shape alone: equal-shaped ones "
                "may be exchanged. Check its answers.",
            )
        return self._decided(match, notes)

    def _fitting(self, choice: OpenChoice) -> list[Match]:
        library, name = choice.split()
        return [
            match
            for match in self.matches
            if match.architecture.name == name and library in ("", match.library)
        ]

    def _narrowed(self) -> tuple[Match, ...]:
        """Those that the file itself names, where it does."""
        named = tuple(match for match in hinted(self.matches, self.hints) if match.certain)
        return named or self.matches

    def _hint_notes(self, match: Match) -> tuple[str, ...]:
        if not hinted([match], self.hints):
            return ()
        return (f"The file calls itself {self.hints.architecture}; others take the same tensors.",)

    def _contradiction(self, matches: tuple[Match, ...]) -> tuple[str, ...]:
        if not self.hints.architecture or hinted(matches, self.hints):
            return ()
        return (
            f"The file calls itself {self.hints.architecture}; by its tensors it is "
            f"{matches[0].name}.",
        )

    def _grouped(self, matches: Sequence[Match]) -> tuple[tuple[Group, ...], tuple[Match, ...]]:
        count = min(len(matches), MOST_PROBED)
        self.wishes.tell(f"Comparing {count} networks that fit")
        tensors, self.broken = mended(self.tensors)
        build = Builder(tensors, self.choice.head) if self.broken else self.build
        return group(
            matches, build, self._size, most=MOST_PROBED, check=lambda: self.wishes.tell("")
        )

    def _by_labels(self, groups: tuple[Group, ...], beyond: tuple[Match, ...]) -> Decision:
        match = groups[0].first.match
        images = labelled_images(
            self.wishes.labelled, self._class_names(match, None), classes=match.classes
        )
        scores: list[Hits | None] = []
        if images and not self.broken:  # else they were compared with other weights
            self.wishes.tell(f"Asking {len(groups)} networks about the labelled images")
            scores = [
                None if one.first.problem
                else hits(one.first.module, self._sees(one.first.match), images)
                for one in groups
            ]  # fmt: skip
            best = clear_winner(scores) if not beyond else None
            won = scores[best] if best is not None else None
            if best is not None and won is not None:
                self._keep_groups(groups)
                match = groups[best].first.match
                note = (
                    f"Of {len(groups)} networks that take these tensors it is the one that answers "
                    f"the labelled images at hand best: {int(won.sum())} of {len(won)} right, by "
                    "more than chance."
                )
                return self._decided(match, (note, *self._same_notes(groups[best])), keep=True)
        raise self._ask(groups, beyond, scores)

    def _ask(
        self, groups: tuple[Group, ...], beyond: tuple[Match, ...], scores: list[Hits | None]
    ) -> UnknownArchitecture:
        self._keep_groups(groups)
        found = described(groups, beyond, scores, self._sees, file_name=self.name)
        names = ", ".join(each.name for each in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        sentence = (
            f"'{self.name}' may be any of {len(found)} networks that take the same tensors and "
            f"answer differently: {names}{more}."
        )
        if self.broken:
            sentence += f" {broken_sentence(self.broken)}"
        head = groups[0].first.match.head if groups else None
        return UnknownArchitecture(
            sentence,
            hint="Say which one it is; labelled images at hand may tell.",
            candidates=[each.name for each in found],
            question=msgspec.structs.replace(
                self.question, sentence=sentence, candidates=found, choice=self.choice,
                head=head.question if head is not None and not self.choice.head else None,
            ),
        )  # fmt: skip

    def _ask_uncertain(self) -> UnknownArchitecture:
        found = uncertain(self.matches, self._sees)
        sentence = (
            f"The names in '{self.name}' are of no known architecture; in order and shapes its "
            f"tensors are like those of {found[0].name}"
            + (f" and {len(found) - 1} more." if len(found) > 1 else ".")
        )
        return UnknownArchitecture(
            sentence,
            hint="Choose it only if you know that it is that network, or give the Python file that "
            "defines it.",
            candidates=[each.name for each in found],
            question=msgspec.structs.replace(
                self.question, sentence=sentence, candidates=found, code=True
            ),
        )

    def _decided(
        self, match: Match, notes: tuple[str, ...] = (), *, proved: PublishedWeights | None = None,
        keep: bool = False, others: bool = True,
    ) -> Decision:  # fmt: skip
        if match.head is not None and match.head.question is not None and not self.choice.head:
            raise self._ask_head(match)
        origin = self._origin(match, proved)
        choice = self.choice
        if keep or self.choice.architecture:
            choice = msgspec.structs.replace(choice, architecture=match.name)
        rest: tuple[Match, ...] = ()
        if proved is None and others and len(self.matches) > 1:
            rest = tuple(each for each in self.matches if each.certain)
        return Decision(
            match=match,
            preprocessing=origin.preprocessing,
            class_names=self._class_names(match, proved),
            alternatives=self._alternatives(match, rest),
            notes=(*notes, *origin.notes),
            choice=choice,
        )

    def _ask_head(self, match: Match) -> UnknownArchitecture:
        question = match.head.question if match.head is not None else None
        layers = ", ".join(question.layers) if question is not None else ""
        sentence = (
            f"'{self.name}' is {match.name} with a head of its own, of which its tensors do not "
            f"tell all layers: {layers}."
        )
        options = ", ".join(question.options) if question is not None else ""
        return UnknownArchitecture(
            sentence,
            hint=f"Say what stands at each '?': {options}.",
            candidates=(match.name,),
            question=msgspec.structs.replace(
                self.question, sentence=sentence, head=question,
                choice=msgspec.structs.replace(self.choice, architecture=match.name),
            ),
        )  # fmt: skip

    def _alternatives(self, match: Match, rest: tuple[Match, ...]) -> tuple[Candidate, ...]:
        alike = remembered_groups(self.question.weights_sha256) if rest else ()
        return alternatives(
            match, rest, self.build, self._sees, alike=alike, check=lambda: self.wishes.tell("")
        )

    def _keep_groups(self, groups: Sequence[Group]) -> None:
        names = tuple(tuple(each.name for each in one.matches) for one in groups)
        remember_groups(self.question.weights_sha256, names)

    def _same_notes(self, one: Group) -> tuple[str, ...]:
        """What members that compute the same as the first see otherwise in an image."""
        first = one.first.match
        found = []
        for match in one.matches[1:]:
            seen = seen_otherwise(self._sees(first), self._sees(match))
            if seen:
                found.append(f"{match.name} ({', '.join(seen)})")
        if not found:
            return ()
        return (
            f"The same network is in use with other preprocessing: {'; '.join(found[:_NAMED])}. "
            "Labelled images can tell which is right (check-preprocessing).",
        )

    def _sees(self, match: Match) -> Preprocessing:
        return self.wishes.preprocessing or self._origin(match, None).preprocessing

    def _size(self, match: Match, module: nn.Module) -> tuple[int, int]:
        if match.image_px:
            return match.image_px, match.image_px
        return self._origin(match, None).preprocessing.size

    def _origin(self, match: Match, proved: PublishedWeights | None) -> Origin:
        if proved is not None:
            return origin_of(self.file, match, hints=self.hints, proved=proved)
        if match.name not in self._origins:
            self._origins[match.name] = origin_of(self.file, match, hints=self.hints)
        return self._origins[match.name]

    def _class_names(self, match: Match, proved: PublishedWeights | None) -> tuple[str, ...]:
        if match.classes and len(self.hints.class_names) == match.classes:
            return self.hints.class_names
        if match.classes != _IMAGENET_CLASSES or (proved is not None and not proved.classes):
            return ()
        return imagenet_classes()
