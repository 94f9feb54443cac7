/** Every key that most projects need, with what it does; the schema completes the rest. */
export function configTemplate(folderName: string): string {
  return `// How RunPod Orchestrator works with this project. Paths are relative to this folder, here and on the pod.
{
  // The project's folder on the pod.
  "remoteRoot": ${JSON.stringify(`/workspace/${folderName}`)},

  "environment": {
    // A script to source before every command, e.g. of a virtual environment:
    // "activate": "/workspace/venv/bin/activate",
    "variables": { "PYTHONUNBUFFERED": "1" }
  },

  "train": {
    // {model}, {device} and {seed} are filled in for each run.
    "command": "python train.py --model {model} --device {device} --seed {seed}",
    "device": "cuda",
    "models": {
      "baseline": {}
    }
  },

  // Files that are usually deployed together.
  "presets": {
    "source": ["**/*.py"]
  },

  // What a run leaves behind, for "Download Results".
  "results": ["results/{model}/**"],
  "logs": ["logs/**/*.log"],

  // Never deployed; written like .gitignore, which counts as well.
  "exclude": ["results/", "logs/"]
}
`;
}
