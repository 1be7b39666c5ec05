"""What a worker answers to its parent. It runs in a thread here; tests of whole batches use processes."""

import multiprocessing
import threading
from dataclasses import replace

import pytest
import torch
from conftest_videos import write_video

