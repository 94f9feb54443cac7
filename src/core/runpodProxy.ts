/** RunPod's proxy, which gives a terminal and nothing else. */
export function isRunpodProxy(host: string): boolean {
  return /(^|\.)ssh\.runpod\.io$/i.test(host);
}

export const proxyAdvice =
  "ssh.runpod.io is RunPod's proxy: it gives a terminal only, no commands and no files. Use the pod's direct address: in RunPod's console open the pod, Connect, and copy the line under \"SSH over exposed TCP\" " +
  '(ssh root@IP -p PORT -i KEY). If there is none, edit the pod and add 22 to its exposed TCP ports.';
