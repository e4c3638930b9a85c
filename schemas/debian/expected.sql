-- What the documents must be: (id, document) of every package, written by hand and apart from how pgsync builds them.
-- Tests and the demo compare with it. No semicolon at the end, so it can stand inside another query:
--   SELECT … FROM ( <this file> ) AS expected WHERE id = ANY (…)
SELECT p.id::text AS id,
  json_build_object(
    'id', p.id, 'name', p.name, 'source', p.source, 'version', p.version, 'architecture', p.architecture,
    'multi_arch', p.multi_arch, 'priority', p.priority, 'essential', p.essential,
    'download_bytes', p.size, 'installed_kib', p.installed_size, 'summary', p.summary, 'homepage', p.homepage,
    'maintainer', (SELECT json_build_object('name', m.name, 'email', m.email) FROM maintainer m WHERE m.id = p.maintainer_id),
    'section', (SELECT s.name FROM section s WHERE s.id = p.section_id),
    'tags', (SELECT json_agg(json_build_object('facet', t.facet, 'name', t.name) ORDER BY t.id)
             FROM package_tag pt JOIN tag t ON t.id = pt.tag_id WHERE pt.package_id = p.id),
    'pre_depends', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM pre_depends x WHERE x.package_id = p.id),
    'depends', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM depends x WHERE x.package_id = p.id),
    'recommends', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM recommends x WHERE x.package_id = p.id),
    'suggests', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM suggests x WHERE x.package_id = p.id),
    'enhances', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM enhances x WHERE x.package_id = p.id),
    'provides', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM provides x WHERE x.package_id = p.id),
    'conflicts', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM conflicts x WHERE x.package_id = p.id),
    'breaks', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM breaks x WHERE x.package_id = p.id),
    'replaces', (SELECT json_agg(json_build_object(
                 'position', x.position, 'alternative', x.alternative, 'package', x.target,
                 'comparison', x.comparison, 'version', x.version) ORDER BY x.id)
               FROM replaces x WHERE x.package_id = p.id)
  )::jsonb AS document
FROM package p
