/**
 * Secrets that programs print, masked in anything saved locally or handed to an agent. Prefixes as published by
 * Hugging Face (`hf_`), OpenAI (`sk-`), RunPod (`rpa_`), GitHub (`ghp_`, `github_pat_`), AWS (`AKIA`); and assignments to variables
 * whose name says what they hold. The name and the first characters stay, so that one can tell which secret it was.
 */
export function maskSecrets(text: string): string {
  return text
    .replace(/\b(hf_|sk-(?:proj-|ant-)?|rpa_|ghp_|github_pat_|AKIA)[A-Za-z0-9_-]{12,}/g, '$1***')
    .replace(/\b([A-Z][A-Z0-9_]*(?:API_KEY|TOKEN|SECRET|PASSWORD))(["']?\s*[=:]\s*)(["']?)[^\s"']{4,}\3/g, '$1$2***');
}
