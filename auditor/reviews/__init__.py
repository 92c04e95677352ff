"""Reviews: a sample of judged reports for a radiologist, what came back, and the rates it corrects."""
