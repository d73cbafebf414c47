"""The product's speed as ratios against something run beside it on the same machine."""
