-- The prompts that may be trained on: those whose bucket is below $held_out are held out.
SELECT key AS prompt FROM current_prompts WHERE bucket >= $held_out
