"""Answers policy questions with the real oslo.policy, for a comparison.

Reads JSON, a line each. The first is {"rules": {name: check}, "scopes": {name:
[scope types]}}: the built-in rules. Every further one is a question:

  {"file": text of a policy file, "enforce_scope": bool, "context": {arguments of
   oslo.context's RequestContext}, "target": {...}, "ask": [names of rules]}

and is answered with the list of what came of each: "allow", "deny", or the name
of the exception that was raised.
"""
import json
import logging
import sys
import warnings

from oslo_config import cfg
from oslo_context import context
from oslo_policy import opts, policy

logging.disable(logging.CRITICAL)
warnings.simplefilter('ignore')
sys.setrecursionlimit(2000)
conf = cfg.ConfigOpts()
conf([])
opts._register(conf)


def enforcer_of(question):
    rules = dict(defaults)
    rules.update(policy.Rules.load(question['file'], 'default'))
    enforcer = policy.Enforcer(conf, use_conf=False, default_rule='default')
    enforcer.set_rules(policy.Rules(rules, 'default'), use_conf=False)
    enforcer.registered_rules = registered
    return enforcer


def answer(enforcer, name, question):
    # As cyborg does, whose rules know is_admin.
    who = context.RequestContext(overwrite=False, **question['context'])
    credentials = dict(who.to_policy_values())
    credentials.update(user=who.user_id, tenant=who.project_id, domain=who.domain_id, user_domain=who.user_domain_id,
                       project_domain=who.project_domain_id, is_admin='admin' in who.roles)
    try:
        return 'allow' if enforcer.enforce(name, question['target'], credentials) else 'deny'
    except Exception as e:
        return type(e).__name__


built_in = json.loads(sys.stdin.readline())
defaults = policy.Rules.from_dict(built_in['rules'], 'default')
registered = {name: policy.RuleDefault(name, check, scope_types=built_in['scopes'].get(name))
              for name, check in built_in['rules'].items()}
for line in sys.stdin:
    question = json.loads(line)
    conf.set_override('enforce_scope', question['enforce_scope'], group='oslo_policy')
    try:
        enforcer = enforcer_of(question)
    except Exception as e:
        print(json.dumps([type(e).__name__] * len(question['ask'])), flush=True)
        continue
    print(json.dumps([answer(enforcer, name, question) for name in question['ask']]), flush=True)
