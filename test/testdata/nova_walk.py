"""Takes instances through their life as Nova does, with Nova's own client for
accelerators (nova.accelerator.cyborg of Debian's python3-nova).

  nova_walk.py --keystone http://127.0.0.1:5000/v3 --password PW --region R
               --user U --project P --profile NAME --host H --provider UUID
               [--instances 10] [--no-service-token] [--conf NOVA.CONF]

The endpoint is that of the catalog. U is who boots the instances; Nova comes
with the service token of the user nova, or without. All instances are bound at
the same moment. Anything that differs from what Nova needs ends the script with
exit status 1.
"""
import argparse
import logging
import sys
import tempfile
import threading
import uuid

parser = argparse.ArgumentParser()
for name in ('keystone', 'password', 'region', 'user', 'project', 'profile', 'host', 'provider'):
    parser.add_argument('--' + name, required=True)
parser.add_argument('--instances', type=int, default=1)
parser.add_argument('--no-service-token', action='store_true')
parser.add_argument('--conf', help='the configuration of Nova, instead of one made here')
args = parser.parse_args()
logging.disable(logging.CRITICAL)

with tempfile.NamedTemporaryFile('w', suffix='.conf') as conf:
    conf.write(f'''
[cyborg]
service_type = accelerator
valid_interfaces = internal,public
region_name = {args.region}
[service_user]
send_service_user_token = {not args.no_service_token}
auth_type = password
auth_url = {args.keystone}
username = nova
password = {args.password}
project_name = service
user_domain_id = default
project_domain_id = default
''')
    conf.flush()
    from nova import config, context, exception, objects
    config.parse_args(['nova-walk', '--config-file', args.conf or conf.name])
from keystoneauth1 import session  # noqa: E402
from keystoneauth1.identity import v3  # noqa: E402
from nova.accelerator import cyborg  # noqa: E402

objects.register_all()


def boot_context():
    """What nova-api makes of a request: its user's token, and the catalog."""
    auth = v3.Password(auth_url=args.keystone, username=args.user, password=args.password, project_name=args.project,
                       user_domain_id='default', project_domain_id='default')
    access = auth.get_access(session.Session(auth=auth))
    catalog = [{'type': s['type'], 'name': s['name'], 'endpoints': [
        {e['interface'] + 'URL': e['url'] for e in s['endpoints']} | {'region': args.region}]}
        for s in access.service_catalog.catalog]
    return context.RequestContext(user_id=access.user_id, project_id=access.project_id, auth_token=access.auth_token,
                                  roles=access.role_names, service_catalog=catalog)


class Fault(Exception):
    """Something is not as Nova needs it."""


def same(got, want, what):
    if got != want:
        raise Fault('%s: %r, not %r' % (what, got, want))


def raises(error, words, call, *given, **named):
    try:
        got = call(*given, **named)
    except error as e:
        if words not in str(e):
            raise Fault('%s says %r, nothing of %r' % (call.__name__, str(e), words))
        return
    raise Fault('%s%r gives %r and does not raise %s' % (call.__name__, given, got, error.__name__))


class Instance:
    """One instance, on a client of its own."""

    def __init__(self):
        self.uuid = str(uuid.uuid4())
        self.client = cyborg.get_client(boot_context())

    def ask(self):
        """The profile, and a request for what it says."""
        c = self.client
        groups = c.get_device_profile_groups(args.profile)
        wanted = c.get_device_request_groups(groups, None)
        same([g.requester_id for g in wanted], ['device_profile_%d' % i for i in range(len(groups))], 'request groups')
        places = {g.requester_id: [args.provider] for g in wanted}
        arqs = c.create_arqs_and_match_resource_providers(args.profile, places)
        same(len(arqs), cyborg.get_device_amount_of_dp_groups(groups), 'number of ARQs')
        same({(a['state'], a['device_rp_uuid']) for a in arqs}, {('Initial', args.provider)}, 'new ARQs')
        if not all(isinstance(a['device_profile_group_id'], int) for a in arqs):
            raise Fault('group ids of %r' % arqs)
        self.arqs = sorted(a['uuid'] for a in arqs)
        raises(exception.AcceleratorRequestOpFailed, 'no accelerator requests', c.get_arqs_for_instance, self.uuid)

    def bindings(self):
        return {a: {'hostname': args.host, 'device_rp_uuid': args.provider, 'instance_uuid': self.uuid} for a in self.arqs}

    def bind(self):
        self.client.bind_arqs(self.bindings())

    def look(self):
        """What nova-compute reads before it starts the guest."""
        c = self.client
        bound = c.get_arqs_for_instance(self.uuid, only_resolved=True)
        same(sorted(a['uuid'] for a in bound), self.arqs, 'ARQs of the instance')
        for a in bound:
            same((a['state'], a['instance_uuid'], a['hostname'], a['device_rp_uuid'], a['attach_handle_type']),
                 ('Bound', self.uuid, args.host, args.provider, 'TEST_PCI'), 'a bound ARQ')
        same(sorted(c.get_arq_uuids_for_instance(objects.Instance(uuid=self.uuid))), self.arqs, 'their uuids')
        same(c.get_arq_by_uuid(self.arqs[0])['uuid'], self.arqs[0], 'one of them')
        # The address goes into the guest; Nova's own code takes it apart.
        return [tuple(a['attach_handle_info'][part] for part in ('domain', 'bus', 'device', 'function')) for a in bound]

    def delete(self):
        c = self.client
        for _ in range(2):  # the second time there is nothing left to do
            c.delete_arqs_for_instance(self.uuid)
        raises(exception.AcceleratorRequestOpFailed, 'no accelerator requests', c.get_arqs_for_instance, self.uuid)

    def clean_up(self):
        """A build that fails between the request and the bind."""
        c = self.client
        arqs = [a['uuid'] for a in c.create_arqs(args.profile)]
        for _ in range(2):  # errors are logged and swallowed
            c.delete_arqs_by_uuid(arqs)
        raises(exception.AcceleratorRequestOpFailed, 'Invalid response from Cyborg', c.get_arq_by_uuid, arqs[0])


def at_once(instances, step):
    """Takes a step with all instances at the same moment, and gives what came of it."""
    gate, results, faults = threading.Barrier(len(instances)), {}, []

    def take(instance):
        gate.wait()
        try:
            results[instance.uuid] = step(instance)
        except Exception as e:  # Nova's own too
            faults.append('%s: %s: %s' % (step.__name__, type(e).__name__, e))

    threads = [threading.Thread(target=take, args=(i,)) for i in instances]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if faults:
        sys.exit('\n'.join(faults))
    return results


instances = [Instance() for _ in range(args.instances)]
at_once(instances, Instance.ask)
if args.no_service_token:
    def refused(i):
        raises(exception.AcceleratorRequestBindingFailed, '403', i.client.bind_arqs, i.bindings())
        i.client.delete_arqs_by_uuid(i.arqs)  # of no instance: the user's own to delete
    at_once(instances, refused)
    print('every call refused')
    sys.exit(0)
at_once(instances, Instance.bind)
addresses = [address for mine in at_once(instances, Instance.look).values() for address in mine]
same(len(set(addresses)), sum(len(i.arqs) for i in instances), 'different addresses')
at_once(instances, Instance.delete)
at_once(instances, Instance.clean_up)

client = instances[0].client
raises(exception.DeviceProfileError, 'got nothing', client.get_device_profile_groups, 'nobody-knows')
raises(exception.AcceleratorRequestOpFailed, 'Invalid response from Cyborg', client.create_arqs, 'nobody-knows')
raises(exception.AcceleratorRequestOpFailed, 'Invalid response from Cyborg', client.get_arq_by_uuid, str(uuid.uuid4()))
raises(exception.AcceleratorRequestBindingFailed, 'Invalid response from Cyborg', client.bind_arqs,
       {str(uuid.uuid4()): {'hostname': args.host, 'device_rp_uuid': args.provider, 'instance_uuid': instances[0].uuid}})
print('every call answered')
