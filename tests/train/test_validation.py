"""Scores of networks while they are trained, by networks of which the right answers are known."""

import numpy as np
import pytest
import torch
from torch import nn

from wildact.recognize import Recognizer
from wildact.train import recognition
from wildact.train.validation import _answer_middles, score_network
from wildact.weights import WeightCard


class Oracle(nn.Module):
    """Tells the animals of `told_apart`, and what they do, by the brightness in the middle of a clip."""

    def __init__(self, done_at, actions):
        super().__init__()
        self.done_at, self.actions = done_at, actions

    def forward(self, x):
        middles = 255 * x[:, :, 3:5].mean(dim=(1, 2, 3, 4))
        answers = [[10.0 * (action == self.done_at(m)) for action in self.actions] for m in middles.tolist()]
        return torch.tensor(answers)


@pytest.fixture
def oracle(told_apart, done_at):
    """The network and its card."""
    card = WeightCard(
        name="oracle", kind="recognizer", file="x", licence="CC0", classes=told_apart.actions,
        architecture={}, trained_on="nothing",
        preprocessing={
            "num_frames": 8, "rate": 8.0, "size": 32, "context": 1.3, "mean": [0.0] * 3, "std": [1.0] * 3
        },
    )  # fmt: skip
    return Oracle(done_at, told_apart.actions), card


def test_each_answer_is_compared_with_its_own_bout(told_apart, oracle):
    """Clips end in another order than their bouts are numbered in: those of two animals alternate."""
    (video,) = told_apart.videos
    answers = _answer_middles(video, Recognizer.from_model(*oracle))
    assert sorted(action for action, _, _ in answers) == sorted(told_apart.actions)
    assert all(action == answer and probability > 0.9 for action, answer, probability in answers)
    scores = score_network(*oracle, told_apart, "cpu")
    assert scores["accuracy"].value == scores["mean_class_accuracy"].value == 1
    assert np.isnan(scores["accuracy"].low)  # of one video, no interval is known


def test_a_bout_that_cannot_be_decoded_is_left_out_and_that_is_said(told_apart, oracle, monkeypatch, caplog):
    (video,) = told_apart.videos
    whole = recognition.read_frames

    def cut(video, wanted):
        return {index: frame for index, frame in whole(video, wanted).items() if index < 25}

    monkeypatch.setattr(recognition, "read_frames", cut)
    answers = _answer_middles(video, Recognizer.from_model(*oracle))
    assert [action == answer for action, answer, _ in answers] == [True, True]
    assert "2 of 4 bouts are not scored" in caplog.text
