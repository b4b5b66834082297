"""Train the tiny writer and judge from scratch, in under two hours on two cores.

python -m tools.train_demo_models DIR --seed 0
"""

import argparse
from pathlib import Path

from tools.train_demo_models.train import train

parser = argparse.ArgumentParser(prog="python -m tools.train_demo_models", description="Train the tiny writer and judge.")
parser.add_argument("out", type=Path, help="the folder for the two checkpoints")
parser.add_argument("--seed", type=int, default=0, help="seed for data and weights")

if __name__ == "__main__":
    arguments = parser.parse_args()
    train(arguments.out, arguments.seed)
