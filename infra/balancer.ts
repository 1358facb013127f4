/** One HTTPS address in front of the front functions, with a limit on what one client may send. */

import { createHash } from 'node:crypto';
import type { Cloudfunctions2Function } from '@cdktf/provider-google/lib/cloudfunctions2-function/index.js';
import { ComputeBackendService } from '@cdktf/provider-google/lib/compute-backend-service/index.js';
import { ComputeGlobalAddress } from '@cdktf/provider-google/lib/compute-global-address/index.js';
import { ComputeGlobalForwardingRule } from '@cdktf/provider-google/lib/compute-global-forwarding-rule/index.js';
import { ComputeManagedSslCertificate } from '@cdktf/provider-google/lib/compute-managed-ssl-certificate/index.js';
import { ComputeRegionNetworkEndpointGroup } from '@cdktf/provider-google/lib/compute-region-network-endpoint-group/index.js';
import { ComputeSecurityPolicy } from '@cdktf/provider-google/lib/compute-security-policy/index.js';
import { ComputeSslPolicy } from '@cdktf/provider-google/lib/compute-ssl-policy/index.js';
import { ComputeTargetHttpsProxy } from '@cdktf/provider-google/lib/compute-target-https-proxy/index.js';
import { ComputeUrlMap } from '@cdktf/provider-google/lib/compute-url-map/index.js';
import { TerraformOutput } from 'cdktf';
import { type Context, type Named, rows } from './context.ts';

const SCHEME = 'EXTERNAL_MANAGED';
const LAST_PRIORITY = 2_147_483_647;

/**
 * Makes it, where the settings ask for one. Its map has the routes of the front functions alone: what only Pub/Sub and other
 * functions call is called at its own address, and stays closed to the network.
 */
export function makeBalancer(context: Context, functions: Named<Cloudfunctions2Function>): void {
  const { stack, settings, topology } = context;
  const { balancer } = settings;
  if (balancer === undefined) return;
  const policy = makeRateRule(context, balancer.requestsPerMinute);
  const fronts = rows(topology.functions).filter(([, { access }]) => access === 'front');
  const services = fronts.map(([name, { routes }]) => {
    const service = makeService(context, name, functions[name] as Cloudfunctions2Function, policy);
    return { id: service.id, paths: routes.flatMap((route) => [route, `${route}/*`]) };
  });
  const fallback = services[0]?.id;
  if (fallback === undefined) throw new TypeError('A balancer needs a front function in the topology.');
  const map = new ComputeUrlMap(stack, 'url_map', {
    name: 'heliograph',
    // What no route names is answered by a function too: its 404 is the API's own.
    defaultService: fallback,
    hostRule: [{ hosts: [balancer.domain], pathMatcher: 'functions' }],
    pathMatcher: [
      { name: 'functions', defaultService: fallback, pathRule: services.map(({ id, paths }) => ({ paths, service: id })) },
    ],
  });
  const certificate = new ComputeManagedSslCertificate(stack, 'certificate', {
    // A certificate cannot be changed, nor removed while the proxy has it: another domain's comes beside it first.
    name: `heliograph-${createHash('sha256').update(balancer.domain).digest('hex').slice(0, 8)}`,
    managed: { domains: [balancer.domain] },
    lifecycle: { createBeforeDestroy: true },
  });
  // Without one, a balancer speaks TLS 1.0 with whoever asks for it. Source: Cloud Load Balancing, "SSL policies".
  const encryption = new ComputeSslPolicy(stack, 'ssl_policy', { name: 'heliograph', profile: 'MODERN', minTlsVersion: 'TLS_1_2' });
  const proxy = new ComputeTargetHttpsProxy(stack, 'https_proxy', {
    name: 'heliograph',
    urlMap: map.id,
    sslCertificates: [certificate.id],
    sslPolicy: encryption.id,
  });
  const address = new ComputeGlobalAddress(stack, 'address', { name: 'heliograph' });
  new ComputeGlobalForwardingRule(stack, 'forwarding_rule', {
    name: 'heliograph',
    loadBalancingScheme: SCHEME,
    ipAddress: address.id,
    portRange: '443',
    target: proxy.id,
  });
  new TerraformOutput(stack, 'balancer_address', {
    value: address.address,
    description: `The address that ${balancer.domain} has to resolve to.`,
  });
}

function makeService({ stack, settings }: Context, name: string, deployed: Cloudfunctions2Function, policy: ComputeSecurityPolicy) {
  const group = new ComputeRegionNetworkEndpointGroup(stack, `endpoint_${name}`, {
    name: `heliograph-${name}`,
    region: settings.region,
    networkEndpointType: 'SERVERLESS',
    cloudRun: { service: deployed.name },
  });
  return new ComputeBackendService(stack, `backend_${name}`, {
    name: `heliograph-${name}`,
    loadBalancingScheme: SCHEME,
    protocol: 'HTTPS',
    securityPolicy: policy.id,
    backend: [{ group: group.id }],
    logConfig: { enable: true, sampleRate: 1 },
  });
}

function makeRateRule({ stack }: Context, requestsPerMinute: number): ComputeSecurityPolicy {
  const everybody = { versionedExpr: 'SRC_IPS_V1', config: { srcIpRanges: ['*'] } };
  return new ComputeSecurityPolicy(stack, 'rate_rule', {
    name: 'heliograph',
    type: 'CLOUD_ARMOR',
    rule: [
      {
        action: 'throttle',
        priority: 1000,
        match: everybody,
        rateLimitOptions: {
          conformAction: 'allow',
          exceedAction: 'deny(429)',
          enforceOnKey: 'IP',
          rateLimitThreshold: { count: requestsPerMinute, intervalSec: 60 },
        },
      },
      { action: 'allow', priority: LAST_PRIORITY, match: everybody, description: 'default rule' },
    ],
  });
}
