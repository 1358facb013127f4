/** Whether the project is ready for Terraform; each thing that is missing, with the command that mends it. */

import { Problem } from '../../functions/core/errors.ts';
import type { Deployment } from './environment.ts';
import { type Answer, type Google, isDisabled } from './google.ts';

/** Terraform enables the others, through these two; its state is in a bucket before it has enabled anything. */
const NEEDED_FIRST = ['cloudresourcemanager', 'serviceusage', 'storage'].map((name) => `${name}.googleapis.com`);

/**
 * Checks the project, its number, its billing and the APIs that Terraform cannot do without. Throws `Problem` `not_ready` with
 * every fault that it found. Gives notes: what could not be checked.
 */
export async function checkProject(google: Google, { name, settings }: Deployment): Promise<readonly string[]> {
  const { project, projectNumber } = settings;
  const found = await google.get('projects', `projects/${project}`);
  if (isDisabled(found)) throw notReady([apisOff(project, NEEDED_FIRST)]);
  if (found.status !== 200) throw notReady([noProject(project, found)]);
  const faults: string[] = [];
  const notes: string[] = [];
  const number = String(found.body.name).replace('projects/', '');
  if (found.body.state !== 'ACTIVE') {
    throw notReady([`The project ${project} is about to be deleted. To have it back:\n\n  gcloud projects undelete ${project}`]);
  }
  if (number !== projectNumber) {
    faults.push(
      `environments.${name}.projectNumber is ${projectNumber}, but ${project} has the number ${number}: set "${number}".`,
    );
  }
  const [off, billing] = await Promise.all([apisThatAreOff(google, number), billingOf(google, project)]);
  if (off.length > 0) faults.push(apisOff(project, off));
  if (billing === 'off') {
    faults.push(
      `The project ${project} has no billing account. Functions need one:\n\n  gcloud billing accounts list\n  gcloud billing projects link ${project} --billing-account=<account>`,
    );
  } else if (billing !== 'on') notes.push(`Whether ${project} has a billing account could not be checked: ${billing}`);
  if (faults.length > 0) throw notReady(faults);
  return notes;
}

/** The error for a project that is not ready. */
export const notReady = (faults: readonly string[]) => new Problem(422, 'not_ready', faults.join('\n\n'));

/** The APIs as the command line wants them. */
function apisOff(project: string, apis: readonly string[]): string {
  return `APIs that Terraform needs before it can enable the others are off. Run this, and try again after a minute:\n\n  gcloud services enable ${apis.join(' ')} --project ${project}`;
}

/** Google answers 403 for a project that does not exist, too: nobody learns from it which projects there are. */
function noProject(project: string, { status, message }: Answer): string {
  if (status === 401) return `Google does not take this login (${message}). Run:\n\n  gcloud auth application-default login`;
  if (status !== 403 && status !== 404) return `Google answered ${status} when asked for the project ${project}: ${message}`;
  return `The project ${project} does not exist, or this login may not use it (${message}). Either:

  gcloud projects create ${project}
  gcloud auth application-default login    # as somebody who may: roles/owner, or at least roles/serviceusage.serviceUsageConsumer`;
}

async function apisThatAreOff(google: Google, number: string): Promise<readonly string[]> {
  const names = NEEDED_FIRST.map((api) => `names=projects/${number}/services/${api}`).join('&');
  const answer = await google.get('services', `projects/${number}/services:batchGet?${names}`);
  if (isDisabled(answer)) return NEEDED_FIRST;
  if (answer.status !== 200) {
    throw notReady([
      `The state of the project's APIs cannot be read (${answer.message}). Needed: roles/serviceusage.serviceUsageAdmin.`,
    ]);
  }
  const services = (answer.body.services ?? []) as { name: string; state: string }[];
  return NEEDED_FIRST.filter((api) => !services.some((one) => one.name.endsWith(`/${api}`) && one.state === 'ENABLED'));
}

/** A reason where it cannot be told: reading it needs an API of its own, and a role that who deploys need not have. */
async function billingOf(google: Google, project: string): Promise<string> {
  const { status, body, message } = await google.get('billing', `projects/${project}/billingInfo`);
  if (status !== 200) return message;
  return body.billingEnabled === true ? 'on' : 'off';
}
