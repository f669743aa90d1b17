"""UNIMO: one transformer for texts, pictures and pairs (Li et al., ACL 2021).

A sequence is made of segments: the picture ([IMG] and its regions), the tags (names of detected
classes), the text, and for generation the target. Text alone and picture alone are encoded
separately, for search; together, jointly, for the matching score. The weights are the same.

Notation: B batch, L tokens, R regions, d hidden size, D dimension of the unified space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from unisearch.model.config import UnimoConfig
from unisearch.model.embeddings import RegionEmbeddings, TextEmbeddings
from unisearch.model.heads import MatchingHead, Projection, Projections, pool
from unisearch.model.masks import bidirectional_mask, seq2seq_mask
from unisearch.model.transformer import Transformer
from unisearch.model.visual.class_words import ClassWords
from unisearch.model.visual.frontend import GridFrontEnd, Regions
from unisearch.model.visual.tags import Tags, TagTable


@dataclass(frozen=True, slots=True)
class Encoded:
    """Hidden states of a sequence, cut into its segments; absent ones are ``None``.

    Attributes:
        regions: [B, 1 + R, d], [IMG] first.
        tags: [B, 2 + K·T, d].
        text: [B, L, d].
        target: [B, M, d].
        pooled_image: [B, d], of regions and tags.
        pooled_text: [B, d].
    """

    regions: Tensor | None
    tags: Tensor | None
    text: Tensor | None
    target: Tensor | None
    pooled_image: Tensor | None
    pooled_text: Tensor | None


class UnimoModel(PreTrainedModel):  # type: ignore[no-untyped-call]
    """The network with its visual front end, projections and matching head."""

    config_class = UnimoConfig
    config: UnimoConfig
    base_model_prefix = "unimo"
    main_input_name = "input_ids"

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__(config)
        self.text_embeddings = TextEmbeddings(config)
        self.region_embeddings = RegionEmbeddings(config)
        self.transformer = Transformer(config)
        self.projections = Projections(config)
        self.matching = MatchingHead(config)
        self.front_end = GridFrontEnd(config) if config.visual_trunk else None
        self.tag_table = TagTable(config) if config.tag_classes else None
        self.class_words = ClassWords(config) if config.class_words_weight else None
        self.temperature = nn.Parameter(torch.tensor(float(config.initial_temperature)))
        self.post_init()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Truncated normal with σ = ``initializer_range``, biases 0, layer norms 1 and 0."""
        if isinstance(module, Projection):
            nn.init.eye_(module.weight)
        elif isinstance(module, nn.Linear | nn.Embedding):
            nn.init.trunc_normal_(module.weight, std=self.config.initializer_range)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx].zero_()
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    def eval(self) -> Self:
        """Evaluation mode: no dropout."""
        self.train(False)
        return self

    def see(self, pixels: Tensor) -> Regions:
        """Pixels uint8 or float [B, S, S, 3] in 0 … 255 → regions.

        Raises:
            ConfigError: If the checkpoint has no visual trunk.
        """
        front_end = self.front_end if self.front_end is not None else GridFrontEnd(self.config)
        regions: Regions = front_end(pixels)
        return regions

    def tags_of(self, regions: Regions) -> Tags | None:
        """Words of the classes seen in the pictures; ``None`` where there are no classes."""
        if self.tag_table is None or regions.picture_probabilities is None:
            return None
        tags: Tags = self.tag_table(regions.picture_probabilities)
        return tags

    def encode(
        self,
        *,
        regions: Regions | None = None,
        tags: Tags | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        target_ids: Tensor | None = None,
        target_mask: Tensor | None = None,
    ) -> Encoded:
        """Runs the transformer over any mixture of segments.

        Args:
            regions: Pictures.
            tags: Words of their classes.
            input_ids: int64 [B, L], texts with their special tokens; segments restart positions.
            attention_mask: [B, L], 1 for a token and 0 for padding; all ones if not given.
            target_ids: int64 [B, M]. With it the mask is seq2seq: regions, tags and text are the
                source, which never sees the target; without it, bidirectional.
            target_mask: [B, M].

        Raises:
            ValueError: If there is nothing to encode.
        """
        names, parts, validities = [], [], []

        def append(name: str, embedded: Tensor, validity: Tensor) -> None:
            names.append(name)
            parts.append(embedded)
            validities.append(validity.to(embedded.dtype))

        if regions is not None:
            embedded = self.region_embeddings(regions.features, regions.boxes, regions.validity)
            whole = regions.validity.new_ones(embedded.shape[0], 1)
            append("regions", embedded, torch.cat([whole, regions.validity], dim=1))
        if tags is not None:
            append("tags", self.text_embeddings(tags.input_ids, tags.positions), tags.weights)
        if input_ids is not None:
            validity = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            append("text", self.text_embeddings(input_ids), validity)
        if not parts:
            raise ValueError("nothing to encode: give regions, tags or input_ids")

        if target_ids is None:
            mask = bidirectional_mask(torch.cat(validities, dim=1))
        else:
            target_validity = torch.ones_like(target_ids) if target_mask is None else target_mask
            mask = seq2seq_mask(torch.cat(validities, dim=1), target_validity)
            append("target", self.text_embeddings(target_ids), target_validity)

        hidden = self.transformer(torch.cat(parts, dim=1), mask)
        segments = dict(zip(names, hidden.split([p.shape[1] for p in parts], dim=1), strict=True))
        validity_of = dict(zip(names, validities, strict=True))
        image = [name for name in ("regions", "tags") if name in segments]
        pooled_image = pooled_text = None
        if image:
            pooled_image = pool(
                torch.cat([segments[name] for name in image], dim=1),
                torch.cat([validity_of[name] for name in image], dim=1),
                self.config.pooling,
            )
        if "text" in segments:
            pooled_text = pool(segments["text"], validity_of["text"], self.config.pooling)
        return Encoded(
            regions=segments.get("regions"),
            tags=segments.get("tags"),
            text=segments.get("text"),
            target=segments.get("target"),
            pooled_image=pooled_image,
            pooled_text=pooled_text,
        )

    def embed_texts(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Texts alone → [B, D], unit rows."""
        pooled = self.encode(input_ids=input_ids, attention_mask=attention_mask).pooled_text
        assert pooled is not None
        return self.projections.embed_text(pooled)

    def embed_regions(self, regions: Regions, tags: Tags | None = None) -> Tensor:
        """Pictures alone → [B, D], unit rows; tags are taken from the regions if not given."""
        tags = tags if tags is not None else self.tags_of(regions)
        pooled = self.encode(regions=regions, tags=tags).pooled_image
        assert pooled is not None
        return self.embed_pooled_image(pooled, regions.picture_probabilities)

    def embed_pooled_image(self, pooled: Tensor, probabilities: Tensor | None) -> Tensor:
        """Pooled pictures [B, d] and the classifier's view of them [B, C] → [B, D], unit rows."""
        embedded = self.projections.embed_image(pooled)
        if self.class_words is None or probabilities is None:
            return embedded
        mixed: Tensor = self.class_words(embedded, probabilities)
        return mixed

    def embed_images(self, pixels: Tensor) -> Tensor:
        """Pixels [B, S, S, 3] in 0 … 255 → [B, D], unit rows."""
        return self.embed_regions(self.see(pixels))

    def match(
        self, regions: Regions, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Joint matching scores d_J of B pairs, logits [B]."""
        encoded = self.encode(
            regions=regions,
            tags=self.tags_of(regions),
            input_ids=input_ids,
            attention_mask=attention_mask,
        )
        scores: Tensor = self.matching(encoded.pooled_text, encoded.pooled_image)
        return scores

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixels: Tensor | None = None,
        **segments: Any,
    ) -> Encoded:
        """``encode``, with pixels instead of regions if given."""
        if pixels is not None:
            regions = self.see(pixels)
            segments |= {"regions": regions, "tags": self.tags_of(regions)}
        return self.encode(input_ids=input_ids, attention_mask=attention_mask, **segments)
