"""Drives openstacksdk's accelerator proxy through every call that it has.

  sdk_walk.py http://127.0.0.1:6666/v2

The service has one fake device on the host compute1 and nothing else. Any
answer that differs from what is expected ends the script with exit status 1.
"""
import sys
import uuid

import openstack
from openstack import exceptions

conn = openstack.connect(auth_type='none', endpoint=sys.argv[1], load_yaml_config=False, load_envvars=False)
acc = conn.accelerator


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
devices = list(acc.devices())
same([d.hostname for d in devices], ['compute1'], 'hosts of devices')
same(acc.get_device(devices[0].uuid).uuid, devices[0].uuid, 'uuid of the device')
deployables = list(acc.deployables())
same([d.name for d in deployables], ['compute1_FakeDevice'], 'names of deployables')
deployable = acc.get_deployable(deployables[0].id)
same(deployable.id, deployables[0].id, 'uuid of the deployable')
image = str(uuid.uuid4())
acc.update_deployable(deployable.id, [{'path': '/program', 'op': 'replace', 'value': [{'image_uuid': image}]}])
provider = conn.accelerator.get('/deployables').json()['deployables'][0]['rp_uuid']

# Device profiles.
made = acc.create_device_profile(name='s1', groups=[{'resources:FPGA': '1'}])
same((made.name, made.groups), ('s1', [{'resources:FPGA': '1'}]), 'the profile made')
same([p.name for p in acc.device_profiles()], ['s1'], 'names of profiles')
same(acc.get_device_profile(made.uuid).name, 's1', 'name of the profile')

# Accelerator requests, through their life.
arq = acc.create_accelerator_request(device_profile_name='s1')
same([a.uuid for a in acc.accelerator_requests()], [arq.uuid], 'uuids of requests')
same(acc.get_accelerator_request(arq.uuid).state, 'Initial', 'state after the creation')
instance = str(uuid.uuid4())
bind = [{'path': '/hostname', 'op': 'add', 'value': 'compute1'},
        {'path': '/device_rp_uuid', 'op': 'add', 'value': provider},
        {'path': '/instance_uuid', 'op': 'add', 'value': instance}]
acc.update_accelerator_request(arq.uuid, bind)
bound = acc.get_accelerator_request(arq.uuid)
same((bound.state, bound.instance_uuid, bound.hostname), ('Bound', instance, 'compute1'), 'the request after the bind')
same(bound.attach_handle_type, 'TEST_PCI', 'type of the attach handle')
same(sorted(bound.attach_handle_info), ['bus', 'device', 'domain', 'function'], 'members of the attach handle')
refused(exceptions.HttpException, acc.delete_device_profile, made.uuid, False)
unbind = [{'path': p['path'], 'op': 'remove'} for p in bind]
acc.update_accelerator_request(arq.uuid, unbind)
same(acc.get_accelerator_request(arq.uuid).state, 'Unbound', 'state after the unbind')
acc.delete_accelerator_request(arq.uuid)
acc.delete_accelerator_request(arq.uuid)  # the SDK takes 404 for done
refused(exceptions.ResourceNotFound, acc.delete_accelerator_request, arq.uuid, False)
same(list(acc.accelerator_requests()), [], 'requests in the end')
acc.delete_device_profile(made.uuid)
refused(exceptions.ResourceNotFound, acc.get_device_profile, made.uuid)
refused(exceptions.ResourceNotFound, acc.get_device_profile, '11111111-1111-4111-8111-111111111111')
refused(exceptions.BadRequestException, acc.create_device_profile, name='bad name', groups=[{'resources:FPGA': '1'}])

# The SDK knows no query parameters of these lists and does not send them.
refused(exceptions.InvalidResourceQuery, acc.devices, type='FPGA')
refused(exceptions.InvalidResourceQuery, acc.device_profiles, name='s1')
print('every call answered')
