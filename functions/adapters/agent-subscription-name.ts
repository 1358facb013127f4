/** The name, if it is one of a subscription that may be made at run time: those of the topology are not to be touched. */
export function agentSubscriptionName(name: string): string {
  if (!/^agent-[a-z0-9-]{1,200}$/.test(name)) throw new TypeError(`${name} is no name of an agent's subscription.`);
  return name;
}
