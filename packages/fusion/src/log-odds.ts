/** ln(p / (1 - p)) of a probability that is first clipped to [clip, 1 - clip], so that it stays finite. */
export function logit(probability: number, clip: number): number {
  const p = Math.min(1 - clip, Math.max(clip, probability));
  return Math.log(p / (1 - p));
}

export function sigmoid(logOdds: number): number {
  return logOdds >= 0 ? 1 / (1 + Math.exp(-logOdds)) : Math.exp(logOdds) / (1 + Math.exp(logOdds));
}
