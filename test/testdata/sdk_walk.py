"""Drives openstacksdk's accelerator proxy through every call that it has.

  sdk_walk.py --endpoint http://127.0.0.1:6666/v2
  sdk_walk.py --keystone http://127.0.0.1:5000/v3 --password PW

With a Keystone the endpoint is that of its catalog, and the requests are those
of admin with a service token of novasvc, as a service makes them.

The service has one fake device on the host compute1 and nothing else. Any
answer that differs from what is expected ends the script with exit status 1.
"""
import argparse
import sys
import uuid

import openstack
from keystoneauth1 import session
from keystoneauth1.identity import v3
from openstack import exceptions

parser = argparse.ArgumentParser()
parser.add_argument('--endpoint')
parser.add_argument('--keystone')
parser.add_argument('--password')
args = parser.parse_args()


class User(v3.Password):
    """A user, with the token of a service if there is one that asks on the user's behalf."""

    def __init__(self, username, project, service=None):
        super().__init__(auth_url=args.keystone, username=username, password=args.password, project_name=project,
                         user_domain_id='default', project_domain_id='default')
        self.service = service

    def get_headers(self, session, **kwargs):
        headers = super().get_headers(session, **kwargs)
        if self.service:
            headers['X-Service-Token'] = self.service.get_token(session)
        return headers


if args.endpoint:
    conn = openstack.connect(auth_type='none', endpoint=args.endpoint, load_yaml_config=False, load_envvars=False)
else:
    admin = User('admin', 'admin', service=User('novasvc', 'service'))
    conn = openstack.connection.Connection(session=session.Session(auth=admin))
acc = conn.accelerator
walked = set()


def noted(name):
    """The call, and a note that it was made."""
    walked.add(name)
    return getattr(acc, name)


def refused(error, call, *args, **kwargs):
    """The call must raise the error: of the service, or of the SDK itself."""
    try:
        made = call(*args, **kwargs)
        if hasattr(made, '__next__'):
            list(made)
    except error as e:
        return str(e)
    sys.exit('%s%r did not raise %s' % (call.__name__, args, error.__name__))


def same(got, want, what):
    if got != want:
        sys.exit('%s is %r, not %r' % (what, got, want))


# Devices and deployables.
devices = list(noted('devices')())
same([d.hostname for d in devices], ['compute1'], 'hosts of devices')
same(noted('get_device')(devices[0].uuid).uuid, devices[0].uuid, 'uuid of the device')
deployables = list(noted('deployables')())
same([d.name for d in deployables], ['compute1_FakeDevice'], 'names of deployables')
deployable = noted('get_deployable')(deployables[0].id)
same(deployable.id, deployables[0].id, 'uuid of the deployable')
image = str(uuid.uuid4())
noted('update_deployable')(deployable.id, [{'path': '/program', 'op': 'replace', 'value': [{'image_uuid': image}]}])
provider = conn.accelerator.get('/deployables').json()['deployables'][0]['rp_uuid']

# Device profiles.
made = noted('create_device_profile')(name='s1', groups=[{'resources:FPGA': '1'}])
same((made.name, made.groups), ('s1', [{'resources:FPGA': '1'}]), 'the profile made')
same([p.name for p in noted('device_profiles')()], ['s1'], 'names of profiles')
same(noted('get_device_profile')(made.uuid).name, 's1', 'name of the profile')

# Accelerator requests, through their life.
arq = noted('create_accelerator_request')(device_profile_name='s1')
same([a.uuid for a in noted('accelerator_requests')()], [arq.uuid], 'uuids of requests')
same(noted('get_accelerator_request')(arq.uuid).state, 'Initial', 'state after the creation')
instance = str(uuid.uuid4())
bind = [{'path': '/hostname', 'op': 'add', 'value': 'compute1'},
        {'path': '/device_rp_uuid', 'op': 'add', 'value': provider},
        {'path': '/instance_uuid', 'op': 'add', 'value': instance}]
noted('update_accelerator_request')(arq.uuid, bind)
bound = noted('get_accelerator_request')(arq.uuid)
same((bound.state, bound.instance_uuid, bound.hostname), ('Bound', instance, 'compute1'), 'the request after the bind')
same(bound.attach_handle_type, 'TEST_PCI', 'type of the attach handle')
same(sorted(bound.attach_handle_info), ['bus', 'device', 'domain', 'function'], 'members of the attach handle')
refused(exceptions.HttpException, noted('delete_device_profile'), made.uuid, False)
unbind = [{'path': p['path'], 'op': 'remove'} for p in bind]
noted('update_accelerator_request')(arq.uuid, unbind)
same(noted('get_accelerator_request')(arq.uuid).state, 'Unbound', 'state after the unbind')
noted('delete_accelerator_request')(arq.uuid)
noted('delete_accelerator_request')(arq.uuid)  # the SDK takes 404 for done
refused(exceptions.ResourceNotFound, noted('delete_accelerator_request'), arq.uuid, False)
same(list(noted('accelerator_requests')()), [], 'requests in the end')
noted('delete_device_profile')(made.uuid)
refused(exceptions.ResourceNotFound, noted('get_device_profile'), made.uuid)
refused(exceptions.ResourceNotFound, noted('get_device_profile'), '11111111-1111-4111-8111-111111111111')
refused(exceptions.BadRequestException, noted('create_device_profile'), name='bad name', groups=[{'resources:FPGA': '1'}])

# The SDK knows no query parameters of these lists and does not send them.
refused(exceptions.InvalidResourceQuery, noted('devices'), type='FPGA')
refused(exceptions.InvalidResourceQuery, noted('device_profiles'), name='s1')

own = {n for n in dir(acc) if n in vars(type(acc)) and not n.startswith('_') and callable(getattr(acc, n))}
same(own - walked, set(), 'calls of the proxy that were not made')
print('every call answered')
